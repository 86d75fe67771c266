package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Maildir is the [Transport] that puts each mail into a folder as a file of its own,
// <time>-<purpose>-<id>.eml, which mail programs open. Only the owner may read them.
type Maildir struct {
	dir string
	log *slog.Logger
}

var _ Transport = (*Maildir)(nil)

// NewMaildir returns a transport into dir, which is made when the first mail comes.
func NewMaildir(dir string, log *slog.Logger) *Maildir { return &Maildir{dir: dir, log: log} }

// Deliver writes the file. It appears whole or not at all, and the same mail again replaces
// itself.
func (d *Maildir) Deliver(ctx context.Context, e Envelope) error {
	path := filepath.Join(d.dir, e.Date.UTC().Format("20060102T150405Z")+"-"+e.Purpose+"-"+e.ID+".eml")
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.write(path, e.Content); err != nil {
		return &Failure{Reason: inWords(err), Err: err}
	}
	d.log.InfoContext(ctx, "mail delivered into a file", "mail", e.ID, "purpose", e.Purpose, "path", path)
	return nil
}

// write puts the content under the path, on the disk and not only in its cache.
func (d *Maildir) write(path string, content []byte) error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(d.dir, ".mail-*") // 0600 by its promise
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Clean(d.dir))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// inWords tells what the operating system refused, which names files and nobody.
func inWords(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Sprintf("%s %s: %v", path.Op, filepath.Base(path.Path), path.Err)
	}
	return reason(err)
}
