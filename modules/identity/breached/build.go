package breached

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxLine is the longest line of a list, in bytes.
const maxLine = 4096

// progressEvery is how many lines pass between two reports.
const progressEvery = 1_000_000

// Build reads a list, one password a line, and writes its filter. normalize is applied to
// every password first, and progress, which may be nil, is told now and then how many
// lines were read. It returns how many different passwords there are. Sixteen bytes of
// memory are needed for each line.
func Build(list io.Reader, filter io.Writer, normalize func(string) string, progress func(lines int)) (int, error) {
	lines := bufio.NewScanner(list)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	var hashes []uint64
	for lines.Scan() {
		if text := trimCR(lines.Text()); text != "" {
			hashes = append(hashes, truncated(normalize(text)))
		}
		if n := len(hashes); progress != nil && n%progressEvery == 0 && n > 0 {
			progress(n)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line %d is longer than %d bytes: is this a list of passwords, one a line?", len(hashes)+1, maxLine)
		}
		return 0, fmt.Errorf("breached: read the list: %w", err)
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	if len(hashes) == 0 {
		return 0, errors.New("breached: the list is empty")
	}
	return len(hashes), write(filter, hashes)
}

// write writes sorted hashes.
func write(w io.Writer, hashes []uint64) error {
	out := bufio.NewWriter(w)
	// A bufio.Writer keeps its first error for Flush.
	_, _ = out.WriteString(magic)
	var buf [entry]byte
	binary.BigEndian.PutUint64(buf[:], uint64(len(hashes)))
	_, _ = out.Write(buf[:])
	for _, h := range hashes {
		binary.BigEndian.PutUint64(buf[:], h)
		_, _ = out.Write(buf[:])
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("breached: write the filter: %w", err)
	}
	return nil
}

// trimCR removes the carriage return of lists made on Windows.
func trimCR(line string) string {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
