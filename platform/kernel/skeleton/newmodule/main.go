// Command newmodule writes the skeleton of a module into the workspace. make module
// name=x calls it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/kernel/skeleton"
)

func main() {
	name := flag.String("name", "", "name of the module: lower-case letters, digits and underscores")
	root := flag.String("root", ".", "top folder of the workspace")
	flag.Parse()
	if err := run(os.Stdout, *root, *name); err != nil {
		fmt.Fprintf(os.Stderr, "newmodule: %v\n", err)
		os.Exit(1)
	}
}

// run makes the skeleton and tells what to do next.
func run(out io.Writer, root, name string) error {
	paths, err := skeleton.Make(root, name, clock.System{}.Now())
	if err != nil {
		return err
	}
	for _, path := range paths {
		fmt.Fprintln(out, "wrote", path)
	}
	fmt.Fprintf(out, `
It compiles and passes its tests: cd modules/%[1]s && go test ./...
When it does what it should, put it into the binary:
  cmd/go.mod              require and replace modules/%[1]s and run make tidy
  cmd/authy2/modules.go   add %[1]s.Module()
  cmd/authy2/wire.go      fill its ports, if it has any of its own
`, name)
	return nil
}
