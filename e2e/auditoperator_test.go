package e2e_test

import (
	"archive/zip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// An operator takes out an archive that a machine without database and configuration can
// verify, that nobody can alter unnoticed, and that tells of no person.
func TestSignedArchive(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		o := s.Found(t, u.Token)
		s.Do(t, harness.LoginCall(u.Email, "Wrong-password-1")).Want(t, http.StatusUnauthorized)
		for n := range 10 {
			s.Do(t, rename(u, n)).Want(t, http.StatusOK)
		}
		sealNow(t, sys)
		dir := t.TempDir()
		archive, lines := filepath.Join(dir, "trail.zip"), filepath.Join(dir, "trail.jsonl")
		for _, args := range [][]string{
			{"audit", "export", "--signed", "--out", archive}, {"audit", "export", "--action", "user.update", "--out", lines},
		} {
			if out, code := sys.CLI(t, nil, args...); code != 0 {
				t.Fatalf("%v: exit code %d\n%s", args, code, out)
			}
		}
		if n := len(sys.AuditRows(t, "action = 'audit.export'")); n != 2 {
			t.Errorf("%d rows for two exports", n)
		}
		key := publicKey(t, sys)
		verify := func(file, key string) (string, int) {
			return harness.Run(t, t.TempDir(), nil, "audit", "verify", "--archive", file, "--public-key", key)
		}
		if out, code := verify(archive, key); code != 0 {
			t.Errorf("the archive: exit code %d\n%s", code, out)
		}
		if out, code := verify(archive, strings.Repeat("0", 64)); code == 0 {
			t.Errorf("the archive verifies with a key that did not sign it:\n%s", out)
		}
		whole, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		for i := 40; i < len(whole); i += len(whole) / 12 {
			altered := filepath.Join(dir, "altered.zip")
			bytes := append([]byte{}, whole...)
			bytes[i] ^= 1
			if err := os.WriteFile(altered, bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, code := verify(altered, key); code == 0 && !harmless(t, archive, altered) {
				t.Errorf("an archive with another byte %d of %d verifies:\n%s", i, len(whole), out)
			}
		}
		for name, text := range unpacked(t, archive) {
			if strings.Contains(text, u.Email) || strings.Contains(text, "127.0.0.1") || strings.Contains(text, o.Name) {
				t.Errorf("%s in the archive tells of a person", name)
			}
		}
		raw, err := os.ReadFile(lines)
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSpace(string(raw)), "\n")
		for _, line := range rows {
			var row map[string]any
			if json.Unmarshal([]byte(line), &row) != nil || row["action"] != "user.update" || row["ip_address"] != "127.0.0.1" {
				t.Errorf("a line of the export is %s", line)
			}
		}
		if len(rows) != 10 {
			t.Errorf("%d lines, want 10", len(rows))
		}
		if out, code := sys.CLI(t, nil, "audit", "list", "--action", "user.login", "--success", "false"); code != 0 || strings.Count(out, "AUTHENTICATION_ERROR") != 1 {
			t.Errorf("audit list: exit code %d\n%s", code, out)
		}
	})
}

// publicKey is the key that seals are signed with.
func publicKey(t *testing.T, sys *harness.System) string {
	t.Helper()
	out, code := sys.CLI(t, nil, "audit", "keys")
	fields := strings.Fields(out)
	if code != 0 || len(fields) < 3 || len(fields[1]) != 64 {
		t.Fatalf("audit keys: exit code %d\n%s", code, out)
	}
	return fields[1]
}

// unpacked is what lies in an archive, by name; nil when it cannot be read.
func unpacked(t *testing.T, file string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(file)
	if err != nil {
		return nil
	}
	defer r.Close()
	all := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return nil
		}
		content, err := io.ReadAll(in)
		if err != nil {
			return nil
		}
		all[f.Name] = string(content)
	}
	return all
}

// harmless reports whether the altered byte is one of the container's own, such as the
// time of a file, so that the content is the same.
func harmless(t *testing.T, a, b string) bool {
	t.Helper()
	before, after := unpacked(t, a), unpacked(t, b)
	if len(before) != len(after) {
		return false
	}
	for name, text := range before {
		if after[name] != text {
			return false
		}
	}
	return true
}
