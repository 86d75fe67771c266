package identity_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/breached"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func TestSeed(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.register(t, "bob@acme-corp.com", anotherPass)
		for _, want := range []string{"added", "is there already"} {
			var told []string
			if err := h.Seed(t.Context(), func(s string) { told = append(told, s) }); err != nil {
				t.Fatal(err)
			}
			if len(told) != 12 || !strings.HasSuffix(told[0], want) || !strings.HasSuffix(told[2], "is there already") {
				t.Errorf("told %q", told)
			}
		}
		if n := count(t, h, "identity_users"); n != 12 {
			t.Errorf("%d users", n)
		}
		if _, err := h.check(t, "admin@acme-corp.com", "AdminPass123!"); err != nil {
			t.Errorf("a sample user cannot sign in: %v", err)
		}
		if _, err := h.check(t, "bob@acme-corp.com", anotherPass); err != nil {
			t.Errorf("a user who was there was changed: %v", err)
		}
	})
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		admin := identity.NewAdmin(h.Service)
		u, err := admin.Create(t.Context(), "Ann@Example.com", "Ann", secret.New(goodPass))
		if err != nil || u.Email != ann {
			t.Fatalf("create: %+v, %v", u, err)
		}
		if _, err := admin.Create(t.Context(), ann, "", secret.New(goodPass)); !errors.Is(err, identity.ErrEmailTaken) {
			t.Errorf("create again: %v", err)
		}
		for _, name := range []string{ann, strings.ToUpper(ann), u.ID} {
			if found, err := admin.Find(t.Context(), name); err != nil || found.ID != u.ID {
				t.Errorf("find %s: %v", name, err)
			}
		}
		for _, name := range []string{"nobody@example.com", "", "x", "01900000-0000-7000-8000-000000000000"} {
			if _, err := admin.Find(t.Context(), name); !errors.Is(err, apperr.ErrNotFound) {
				t.Errorf("find %q: %v", name, err)
			}
		}
		before, err := h.directory.Account(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if u, err = admin.SetStatus(t.Context(), ann, identity.StatusSuspended); err != nil || u.Status != identity.StatusSuspended {
			t.Fatalf("suspend: %+v, %v", u, err)
		}
		if a, err := h.check(t, ann, goodPass); err != nil || a.Status != "suspended" || a.ETag == before.ETag {
			t.Errorf("a suspended account: %+v, %v", a, err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionStatusChange || f.Metadata["status"] != "suspended" {
			t.Errorf("fact %+v", f)
		}
		if _, err := admin.SetStatus(t.Context(), ann, identity.StatusActive); err != nil {
			t.Fatal(err)
		}
		s := h.signIn(t, ann, goodPass)
		if err := admin.SetPassword(t.Context(), ann, secret.New("password1")); apperr.From(err).Code() != apperr.CodeValidation {
			t.Errorf("a breached password: %v", err)
		}
		if err := admin.SetPassword(t.Context(), u.ID, secret.New(anotherPass)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), s.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Errorf("a session after the operator set a password: %v", err)
		}
		h.register(t, "bo@example.com", goodPass)
		first, err := admin.List(t.Context(), "", 1)
		if err != nil || len(first) != 1 || first[0].ID != u.ID {
			t.Fatalf("list: %+v, %v", first, err)
		}
		if rest, err := admin.List(t.Context(), first[0].ID, 10); err != nil || len(rest) != 1 || rest[0].Email != "bo@example.com" {
			t.Errorf("list on: %+v, %v", rest, err)
		}
		if err := admin.Delete(t.Context(), ann); err != nil {
			t.Fatal(err)
		}
		if err := admin.Delete(t.Context(), ann); !errors.Is(err, apperr.ErrNotFound) {
			t.Errorf("delete again: %v", err)
		}
	})
}

// run runs a command of the module under a root like the binary's.
func run(t *testing.T, h *house, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "authy2", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().Bool("json", false, "")
	root.AddCommand(identity.Commands(h.Service, crypto.NewTokens(rand.Reader))...)
	var out, complaints bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&complaints)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), complaints.String(), err
}

func TestCommands(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	out, made, err := run(t, h, "", "users", "create", ann, "--name", "Ann", "--json")
	var u identity.User
	if err != nil || json.Unmarshal([]byte(out), &u) != nil || u.Email != ann {
		t.Fatalf("create: %q, %v", out, err)
	}
	password := strings.TrimSpace(strings.TrimPrefix(made, "password: "))
	if _, err := h.check(t, ann, password); err != nil {
		t.Errorf("the password that was made up (%d characters): %v", len(password), err)
	}
	if _, told, err := run(t, h, anotherPass+"\n", "users", "set-password", ann, "--password-stdin"); err != nil || told != "" {
		t.Errorf("set-password: %q, %v", told, err)
	}
	if _, err := h.check(t, ann, anotherPass); err != nil {
		t.Errorf("the password from standard input: %v", err)
	}
	if _, _, err := run(t, h, "short", "users", "create", "bo@example.com", "--password-stdin"); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a short password: %v", err)
	}
	for _, name := range []string{"a\x1b[31mb", strings.Repeat("n", 256), "a\xffb"} {
		if _, _, err := run(t, h, "", "users", "create", "bo@example.com", "--name", name); err == nil || !strings.Contains(err.Error(), "full_name") {
			t.Errorf("the name %.20q: %v", name, err)
		}
	}
	for _, step := range []struct{ command, want string }{{"suspend", "suspended"}, {"activate", "active"}, {"show", "active"}} {
		if out, _, err := run(t, h, "", "users", step.command, ann); err != nil || !strings.Contains(out, "\t"+step.want+"\t") {
			t.Errorf("%s: %q, %v", step.command, out, err)
		}
	}
	if out, _, err := run(t, h, "", "users", "list"); err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("list: %q, %v", out, err)
	}
	if _, _, err := run(t, h, "", "users", "delete", ann); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, _, err := run(t, h, "", "users", "show", ann); !errors.Is(err, apperr.ErrNotFound) || !strings.Contains(err.Error(), "No user") {
		t.Errorf("show of nobody: %v", err)
	}
	dir := t.TempDir()
	list, filter := filepath.Join(dir, "list"), filepath.Join(dir, "filter")
	if err := os.WriteFile(list, []byte("one of many\nanother\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ stdin, from, to string }{{"", list, filter}, {"one of many\n", "-", filter + "2"}} {
		if out, _, err := run(t, h, step.stdin, "passwords", "build-filter", step.from, step.to); err != nil {
			t.Fatalf("build-filter: %q, %v", out, err)
		}
		f, closer, err := breached.Open(step.to)
		if err != nil {
			t.Fatal(err)
		}
		if known, err := f.Contains("one of many"); err != nil || !known {
			t.Errorf("the filter of %s: %v, %v", step.from, known, err)
		}
		_ = closer.Close()
	}
	if _, _, err := run(t, h, "", "passwords", "build-filter", filepath.Join(dir, "missing"), filter); err == nil {
		t.Error("a missing list was built")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".filter-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
