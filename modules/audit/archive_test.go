package audit_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// archive writes an archive.
func (v *vault) archive(t testing.TB, o audit.ArchiveOptions) []byte {
	t.Helper()
	v.Clock.Advance(3 * time.Second)
	var out bytes.Buffer
	if _, err := v.sealing.WriteArchive(t.Context(), &out, o); err != nil {
		t.Fatalf("write an archive: %v", err)
	}
	return out.Bytes()
}

func verifyArchive(b []byte, trusted ed25519.PublicKey) (audit.ArchiveSummary, error) {
	return audit.VerifyArchive(bytes.NewReader(b), int64(len(b)), trusted)
}

func TestArchive(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b, func(s *vaultSetup) { s.config.RetentionDays = 30 })
		v.publish(t, deeds(5)...)
		v.seal(t, 5)
		b.Clock.Advance(40 * 24 * time.Hour)
		if err := v.sealing.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			v.publish(t, deeds(13)...)
			v.seal(t, 13+1) // with the fact before it: of pruning, of a new key
			if _, err := v.sealing.RotateKey(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.Clock.Advance(time.Hour)
		}
		whole := v.archive(t, audit.ArchiveOptions{})
		s, err := verifyArchive(whole, nil)
		// Three times 13 rows and one, a new key, and the export itself; five were pruned.
		if err != nil || s.Rows != 44 || s.LeftOut != 5 || s.FirstSeal != 1 || s.LastSeal != 5 {
			t.Errorf("of everything: %+v, %v", s, err)
		}
		acmes := v.archive(t, audit.ArchiveOptions{Organization: acme})
		s, err = verifyArchive(acmes, nil)
		if err != nil || s.Rows == 0 || s.Rows >= s.LeftOut {
			t.Errorf("of an organization: %+v, %v", s, err)
		}
		if content := members(t, acmes); strings.Contains(content["rows.jsonl"], other) || !strings.Contains(content["rows.jsonl"], acme) {
			t.Error("the archive of one organization shows rows of another")
		}
		late := v.archive(t, audit.ArchiveOptions{Since: b.Clock.Now().Add(-90 * time.Minute), Until: b.Clock.Now().Add(-30 * time.Minute)})
		if s, err = verifyArchive(late, nil); err != nil || s.FirstSeal == 1 {
			t.Errorf("of an hour: %+v, %v", s, err)
		}
		for name, archive := range map[string][]byte{"everything": whole, "an organization": acmes, "an hour": late} {
			for member, content := range members(t, archive) {
				for _, text := range []string{"203.0.113.7", "curl/8.0", "@example.com"} {
					if strings.Contains(content, text) {
						t.Errorf("the archive of %s holds %s in %s", name, text, member)
					}
				}
			}
		}
		key, err := hex.DecodeString(s.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifyArchive(whole, key); err != nil {
			t.Errorf("with the right key: %v", err)
		}
		stranger, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifyArchive(whole, stranger); !errors.Is(err, audit.ErrArchive) {
			t.Errorf("with a wrong key: %v", err)
		}
	})
}

// members are the files of an archive.
func members(t testing.TB, archive []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(b)
	}
	return all
}

// packed makes an archive of members.
func packed(t testing.TB, all map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range sortedKeys(all) {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, all[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Whatever is changed in an archive by somebody without the key is found.
func TestArchiveRefuses(t *testing.T) {
	t.Parallel()
	v := newVault(t, platformtest.SQLite(t, lines()...))
	v.publish(t, deeds(9)...)
	v.seal(t, 9)
	good := members(t, v.archive(t, audit.ArchiveOptions{}))
	filtered := members(t, v.archive(t, audit.ArchiveOptions{Organization: acme}))
	if _, err := verifyArchive(packed(t, good), nil); err != nil {
		t.Fatalf("packed again: %v", err)
	}
	for name, change := range map[string]func(m map[string]string){
		"an altered row": func(m map[string]string) {
			m["rows.jsonl"] = strings.Replace(m["rows.jsonl"], "thing.done", "thing.dine", 1)
		},
		"a row less": func(m map[string]string) { _, m["rows.jsonl"], _ = strings.Cut(m["rows.jsonl"], "\n") },
		"a row twice": func(m map[string]string) {
			first, _, _ := strings.Cut(m["rows.jsonl"], "\n")
			m["rows.jsonl"] = first + "\n" + m["rows.jsonl"]
		},
		"no seals":    func(m map[string]string) { m["seals.jsonl"] = "" },
		"a seal less": func(m map[string]string) { _, m["seals.jsonl"], _ = strings.Cut(m["seals.jsonl"], "\n") },
		"more behind": func(m map[string]string) { m["seals.jsonl"] += "\n" },
		"another count": func(m map[string]string) {
			m["manifest.json"] = strings.Replace(m["manifest.json"], `"left_out": `, `"left_out": 9`, 1)
		},
		"no signature":        func(m map[string]string) { m["manifest.sig"] = "" },
		"a member more":       func(m map[string]string) { m["more.txt"] = "x" },
		"a member less":       func(m map[string]string) { delete(m, "rows.jsonl") },
		"rows of another one": func(m map[string]string) { m["rows.jsonl"] = filtered["rows.jsonl"] },
		"no manifest":         func(m map[string]string) { m["manifest.json"] = "{}" },
	} {
		for kind, of := range map[string]map[string]string{"whole": good, "filtered": filtered} {
			bad := map[string]string{}
			for k, content := range of {
				bad[k] = content
			}
			change(bad)
			if name == "rows of another one" && kind == "filtered" {
				continue
			}
			if _, err := verifyArchive(packed(t, bad), nil); !errors.Is(err, audit.ErrArchive) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
	}
}

// The archives of testdata, of everything and of one organization, and their key.
const (
	knownWhole    = "testdata/archive.zip"
	knownFiltered = "testdata/archive-organization.zip"
	knownKey      = "testdata/archive.key"
)

// TestKnownArchive verifies archives that an earlier build has written: an archive is good
// for as long as anybody keeps it. UPDATE_GOLDEN=1 writes new ones.
func TestKnownArchive(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		v := newVault(t, platformtest.SQLite(t, lines()...))
		v.publish(t, deeds(6)...)
		whole := v.archive(t, audit.ArchiveOptions{})
		s, err := verifyArchive(whole, nil)
		if err != nil {
			t.Fatal(err)
		}
		for path, content := range map[string][]byte{knownWhole: whole, knownFiltered: v.archive(t, audit.ArchiveOptions{Organization: acme}), knownKey: []byte(s.PublicKey)} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	key, archives := known(t)
	for path, archive := range archives {
		if s, err := verifyArchive(archive, key); err != nil || s.Rows == 0 {
			t.Errorf("%s: %+v, %v", path, s, err)
		}
	}
}

// known reads the archives of testdata and their key.
func known(t testing.TB) (key ed25519.PublicKey, archives map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	archives = map[string][]byte{}
	for _, path := range []string{knownWhole, knownFiltered} {
		if archives[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return key, archives
}

// FuzzArchive wants the reader to refuse whatever was not written, and to survive it.
func FuzzArchive(f *testing.F) {
	key, archives := known(f)
	good := map[audit.ArchiveSummary]bool{}
	for _, archive := range archives {
		s, err := verifyArchive(archive, key)
		if err != nil {
			f.Fatal(err)
		}
		good[s] = true
		f.Add(archive)
		f.Add(archive[:len(archive)/2])
		// Not compressed, so that there is more to change than noise.
		var plain bytes.Buffer
		z := zip.NewWriter(&plain)
		for name, content := range members(f, archive) {
			w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err == nil {
				_, err = io.WriteString(w, content)
			}
			if err != nil {
				f.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(plain.Bytes())
	}
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		if s, err := verifyArchive(archive, key); err == nil && !good[s] {
			t.Fatalf("verified what was never written: %+v", s)
		}
	})
}

// The commands on a started system, and the one that needs none.
func TestCommands(t *testing.T) {
	t.Parallel()
	v := newVault(t, platformtest.SQLite(t, lines()...))
	v.publish(t, deeds(9)...)
	v.seal(t, 9)
	v.publish(t, events.Fact{Action: "org.create", ActorID: ann, OrganizationID: acme, Success: true})
	v.Clock.Advance(3 * time.Second)
	dir := t.TempDir()
	file := filepath.Join(dir, "trail.zip")
	run := func(ctx context.Context, args ...string) (string, error) {
		c := v.sealing.Commands()[0]
		c.PersistentFlags().Bool("json", false, "")
		var out bytes.Buffer
		c.SetOut(&out)
		c.SetErr(io.Discard)
		c.SilenceUsage = true
		c.SetArgs(args)
		err := c.ExecuteContext(ctx)
		return out.String(), err
	}
	for _, step := range []struct {
		args []string
		want string
		bad  bool
	}{
		{args: []string{"verify"}, want: "9 rows verified, 1 rows not sealed yet"},
		{args: []string{"verify", "--json", "--since", "1h"}, want: `"ok": true`},
		{args: []string{"verify", "--since", "yesterday"}, bad: true},
		{args: []string{"list", "--action", "org.create"}, want: "org.create"},
		{args: []string{"list", "--limit", "0"}, bad: true},
		{args: []string{"list", "--organization", acme, "--json"}, want: `"ip_address": "203.0.113.7"`},
		{args: []string{"export", "--success", "false"}, want: `"action":"user.login"`},
		{args: []string{"export", "--signed"}, bad: true},
		{args: []string{"export", "--signed", "--out", file, "--action", "x"}, bad: true},
		{args: []string{"rotate-key"}, want: "from now on"},
		{args: []string{"keys"}, want: "\n"},
		{args: []string{"export", "--signed", "--out", file, "--since", "24h"}},
		{args: []string{"verify", "--archive", file}, want: "the archive is whole"},
		{args: []string{"verify", "--archive", file, "--json"}, want: `"rows": 13`},
		{args: []string{"verify", "--archive", file, "--public-key", strings.Repeat("0", 64)}, bad: true},
		{args: []string{"verify", "--public-key", "00"}, bad: true},
	} {
		out, err := run(t.Context(), step.args...)
		if (err != nil) != step.bad || !strings.Contains(out, step.want) {
			t.Errorf("audit %v: %v, %s", step.args, err, out)
		}
	}
	if _, err := os.Stat(file + ".part"); err == nil {
		t.Error("half an archive is left behind")
	}
	v.exec(t, "UPDATE audit_entries SET success = NOT success WHERE action = 'thing.done'")
	out, err := run(t.Context(), "verify", "--json")
	var p *audit.Problem
	if !errors.As(err, &p) || p.Field != "success" || !strings.Contains(out, `"kind": "altered"`) {
		t.Errorf("after an alteration: %v, %s", err, out)
	}
}
