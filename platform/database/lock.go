package database

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("locked by another process")

// fileLock is a lock that the operating system releases when its holder dies.
type fileLock struct{ file *os.File }

// lockFile takes the lock of path, which it creates, or returns errLocked at once.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		holder := make([]byte, 16)
		n, _ := f.Read(holder)
		if pid := strings.TrimSpace(string(holder[:n])); errors.Is(err, errLocked) && pid != "" {
			err = fmt.Errorf("%w (pid %s)", errLocked, pid)
		}
		return nil, errors.Join(err, f.Close())
	}
	// Who holds it is for people; the lock does not depend on the text.
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &fileLock{file: f}, nil
}

// release gives the lock back. The file stays: removing it would let two processes lock
// two files of one name.
func (l *fileLock) release() error { return l.file.Close() }
