//go:build unix

package database

import (
	"errors"
	"os"
	"syscall"
)

// flock takes the lock of an open file without waiting.
func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
