package mail_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/mail"
)

func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "mail")
	d := mail.NewMaildir(dir, slog.New(slog.DiscardHandler))
	e := mail.Envelope{ID: "0199", Purpose: "test.invite", Date: time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("x", 3600)), Content: []byte("one")}
	for _, content := range []string{"one", "two"} { // the same mail again
		e.Content = []byte(content)
		if err := d.Deliver(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "20260102T020405Z-test.invite-0199.eml")
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
		for path, want := range map[string]fs.FileMode{path: 0o600, dir: 0o700 | fs.ModeDir} {
			if info, err := os.Stat(path); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
			t.Errorf("%v, %v", all, err)
		}
	}
}

func TestMaildirFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := mail.NewMaildir(file, slog.New(slog.DiscardHandler))
	err := d.Deliver(t.Context(), mail.Envelope{ID: "1", Purpose: "a.b"})
	var failure *mail.Failure
	if !errors.As(err, &failure) || failure.Permanent || !strings.Contains(failure.Reason, "not a directory") {
		t.Errorf("%v", err)
	}
}
