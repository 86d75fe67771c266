// Command generate makes the embedded filter from the password list of zxcvbn, whose lines
// are a password, blanks and a count.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/authy2/backend/modules/identity/breached"
	"github.com/authy2/backend/platform/crypto"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: generate <passwords.txt of zxcvbn> <filter>")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // named by whoever runs it
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	var list, filter bytes.Buffer
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 {
			fmt.Fprintln(&list, fields[0])
		}
	}
	if _, err := breached.Build(&list, &filter, crypto.Normalize, nil); err != nil {
		return err
	}
	return os.WriteFile(to, filter.Bytes(), 0o644) //nolint:gosec // it is checked in
}
