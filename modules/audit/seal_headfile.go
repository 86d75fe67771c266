package audit

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// headFile is the file to which the heads of seals are appended; empty for none. A line is
// the number, the head and the time of a seal.
type headFile string

// add appends the head of a seal. Lines are short and appended in one write each, so that
// several processes may share the file.
func (f headFile) add(s *seal) (err error) {
	if f == "" {
		return nil
	}
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.WriteString(sealRecord(s) + " " + s.SealedAt.Format(time.RFC3339Nano) + "\n")
	return err
}

// headLine is a line of a head file.
type headLine struct {
	number int64
	head   digest
}

// readHeads calls each for the lines of a head file, in batches.
func readHeads(r io.Reader, batch int, each func([]headLine) error) error {
	lines := make([]headLine, 0, batch)
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 2 {
			return fmt.Errorf("audit: line %d of the head file is not a number and a head", n)
		}
		number, err := strconv.ParseInt(fields[0], 10, 64)
		head, hexErr := hex.DecodeString(fields[1])
		if err != nil || hexErr != nil || len(head) != len(digest{}) {
			return fmt.Errorf("audit: line %d of the head file is not a number and a head", n)
		}
		lines = append(lines, headLine{number, digest(head)})
		if len(lines) == batch {
			if err := each(lines); err != nil {
				return err
			}
			lines = lines[:0]
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("audit: read the head file: %w", err)
	}
	if len(lines) == 0 {
		return nil
	}
	return each(lines)
}
