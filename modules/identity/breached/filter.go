package breached

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// magic opens every filter; its last byte is the version of the format.
	magic = "authy2-breached\x01"
	// header is the magic and the number of entries.
	header = len(magic) + 8
	// entry is the length of a truncated hash.
	entry = 8
)

//go:embed common.filter
var common []byte

// ErrFormat means that a file is no filter, or was cut.
var ErrFormat = errors.New("breached: not a filter built by authy2 passwords build-filter")

// Filter is a set of passwords. It is read-only and safe for many goroutines.
type Filter struct {
	data io.ReaderAt
	n    int64
}

// Common returns the embedded filter.
func Common() (*Filter, error) { return newFilter(bytes.NewReader(common), int64(len(common))) }

// Open returns the filter in a file, which stays open; close it when it is not needed any
// more.
func Open(path string) (*Filter, io.Closer, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, nil, fmt.Errorf("breached: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		var filter *Filter
		if filter, err = newFilter(f, info.Size()); err == nil {
			return filter, f, nil
		}
	}
	return nil, nil, fmt.Errorf("breached: %s: %w", path, errors.Join(err, f.Close()))
}

func newFilter(data io.ReaderAt, size int64) (*Filter, error) {
	head := make([]byte, header)
	if _, err := data.ReadAt(head, 0); err != nil || string(head[:len(magic)]) != magic {
		return nil, ErrFormat
	}
	n := binary.BigEndian.Uint64(head[len(magic):])
	if rest := size - int64(header); rest%entry != 0 || n != uint64(rest/entry) {
		return nil, ErrFormat
	}
	return &Filter{data: data, n: int64(n)}, nil
}

// Len returns how many passwords the filter holds.
func (f *Filter) Len() int64 { return f.n }

// Contains reports whether the password, or the same in lower case, is in the set. The
// password is given in the normal form that is hashed.
func (f *Filter) Contains(password string) (bool, error) {
	found, err := f.find(truncated(password))
	if lower := strings.ToLower(password); !found && err == nil && lower != password {
		found, err = f.find(truncated(lower))
	}
	return found, err
}

// find searches for a truncated hash.
func (f *Filter) find(want uint64) (bool, error) {
	var buf [entry]byte
	for low, high := int64(0), f.n; low < high; {
		middle := low + (high-low)/2
		if _, err := f.data.ReadAt(buf[:], int64(header)+middle*entry); err != nil {
			return false, fmt.Errorf("breached: read a filter: %w", err)
		}
		switch got := binary.BigEndian.Uint64(buf[:]); {
		case got == want:
			return true, nil
		case got < want:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false, nil
}

// truncated returns the form in which a password is kept.
func truncated(password string) uint64 {
	sum := sha256.Sum256([]byte(password))
	return binary.BigEndian.Uint64(sum[:entry])
}
