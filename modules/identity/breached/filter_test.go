package breached_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/identity/breached"
)

func same(s string) string { return s }

func TestCommon(t *testing.T) {
	t.Parallel()
	f, err := breached.Common()
	if err != nil {
		t.Fatal(err)
	}
	if f.Len() < 30_000 {
		t.Errorf("the embedded list holds %d passwords", f.Len())
	}
	for password, want := range map[string]bool{
		"123456": true, "password": true, "PassWord": true, "qwertyuiop": true, "trustno1": true, "1qaz2wsx": true,
		"": false, "UserPass123!": false, "correct horse battery": false, "password ": false,
	} {
		if got, err := f.Contains(password); err != nil || got != want {
			t.Errorf("Contains(%q) = %v, %v", password, got, err)
		}
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&list, "password-%d\n", i)
	}
	list.WriteString("Capital\r\n\n\npassword-7\nno line end")
	path := filepath.Join(t.TempDir(), "a.filter")
	var out bytes.Buffer
	n, err := breached.Build(strings.NewReader(list.String()), &out, same, nil)
	if err != nil || n != 5002 {
		t.Fatalf("Build = %d, %v", n, err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, closer, err := breached.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5001 {
		if got, err := f.Contains(fmt.Sprintf("password-%d", i)); err != nil || got != (i < 5000) {
			t.Fatalf("password-%d: %v, %v", i, got, err)
		}
	}
	for password, want := range map[string]bool{"Capital": true, "capital": false, "CAPITAL": false, "no line end": true, "": false} {
		if got, err := f.Contains(password); err != nil || got != want {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Contains("Capital"); err == nil {
		t.Error("a closed file answers")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	if _, err := breached.Build(strings.NewReader("\n\n"), &bytes.Buffer{}, same, nil); err == nil {
		t.Error("an empty list was built")
	}
	if _, err := breached.Build(strings.NewReader(strings.Repeat("x", 5000)), &bytes.Buffer{}, same, nil); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("an endless line: %v", err)
	}
	var out bytes.Buffer
	if _, err := breached.Build(strings.NewReader("a\nb\nc\n"), &out, same, nil); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": nil, "text": []byte("password1\npassword2\npassword3\n"), "cut": out.Bytes()[:out.Len()-1], "an entry less": out.Bytes()[:out.Len()-8],
		"tail": append(bytes.Clone(out.Bytes()), 0),
	} {
		path := filepath.Join(t.TempDir(), "filter")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := breached.Open(path); !errors.Is(err, breached.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := breached.Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}
