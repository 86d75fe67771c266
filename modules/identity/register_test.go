package identity_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		before := h.Statements()
		done, _ := h.register(t, "Ann@Example.COM", goodPass)
		if n := h.Statements() - before; n > 2 {
			t.Errorf("registration takes %d statements beside the session's own; want 2", n)
		}
		var u identity.User
		if err := json.Unmarshal(done.Account.Profile, &u); err != nil {
			t.Fatal(err)
		}
		if u.Email != ann || u.ID != done.Account.UserID || u.Status != identity.StatusActive || u.EmailVerified || *u.FullName != "Ann Example" {
			t.Errorf("registered %+v", u)
		}
		if u.LastLoginAt == nil || *u.LastLoginIP != "203.0.113.7" || !u.CreatedAt.Equal(h.Clock.Now()) {
			t.Errorf("the sign-in was not recorded: %+v", u)
		}
		if done.Session == nil || done.Session.Token.Empty() {
			t.Error("registration does not sign in")
		}
		if hash := value[string](t, h, "password_hash", u.ID); !strings.HasPrefix(hash, "$2a$04$") {
			t.Errorf("the password is stored as %q", hash)
		}
		f := h.facts.last(t)
		if f.Action != identity.ActionRegister || !f.Success || f.ActorID != u.ID || f.ResourceID != u.ID {
			t.Errorf("fact %+v", f)
		}
		_, err := h.Register(t.Context(), registration("ANN@example.com", goodPass))
		if !errors.Is(err, identity.ErrEmailTaken) || apperr.From(err).Kind() != apperr.Conflict {
			t.Errorf("a second registration: %v", err)
		}
		if f := h.facts.last(t); f.Success || f.ErrorType != "CONFLICT" || f.ActorID != "" || len(f.Metadata) != 0 || f.Personal["email"] == "" {
			t.Errorf("fact of the refusal: %+v", f)
		}
	})
}

func TestRegisterRefusesInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	for name, tc := range map[string]struct {
		change func(*identity.Registration)
		fields []string
	}{
		"email": {func(r *identity.Registration) { r.Email = " ann@example.com" }, []string{"email"}},
		"short": {func(r *identity.Registration) { r.Password, r.Confirm = secret.New("1234567"), secret.New("1234567") }, []string{"password"}},
		"long": {func(r *identity.Registration) {
			r.Password = secret.New(strings.Repeat("x", 129))
			r.Confirm = r.Password
		}, []string{"password"}},
		"breached": {func(r *identity.Registration) {
			r.Password, r.Confirm = secret.New("PassWord1"), secret.New("PassWord1")
		}, []string{"password"}},
		"email as word": {func(r *identity.Registration) {
			r.Password, r.Confirm = secret.New("ANN@example.com"), secret.New("ANN@example.com")
		}, []string{"password"}},
		"mismatch":   {func(r *identity.Registration) { r.Confirm = secret.New("something else") }, []string{"password_confirm"}},
		"everything": {func(r *identity.Registration) { r.Email, r.Password = "x", secret.New("x") }, []string{"email", "password", "password_confirm"}},
		"other spelling": {func(r *identity.Registration) {
			r.Password, r.Confirm = secret.New("p\u00e4sswort lang"), secret.New("pa\u0308sswort lang")
		}, nil},
		"128 code points": {func(r *identity.Registration) {
			r.Email = "long@example.com"
			r.Password = secret.New(strings.Repeat("a\u0308", 128))
			r.Confirm = r.Password
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registration(ann, goodPass)
			tc.change(&r)
			_, err := h.Register(t.Context(), r)
			if tc.fields == nil {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			e := apperr.From(err)
			if e == nil || e.Code() != apperr.CodeValidation || len(e.Details()) != len(tc.fields) {
				t.Fatalf("got %v %v, want complaints about %v", err, e.Details(), tc.fields)
			}
			for _, field := range tc.fields {
				if e.Details()[field] == nil {
					t.Errorf("no complaint about %s in %v", field, e.Details())
				}
			}
		})
	}
}

// 64 callers at one instant: exactly one is first, the others are told so.
func TestRegisterRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		var first atomic.Int32
		var start, all sync.WaitGroup
		start.Add(1)
		for range 64 {
			all.Go(func() {
				start.Wait()
				_, err := h.Register(t.Context(), registration(ann, goodPass))
				for errors.Is(err, apperr.ErrUnavailable) { // too many hashes at once, on a slow machine
					_, err = h.Register(t.Context(), registration(ann, goodPass))
				}
				switch {
				case err == nil:
					first.Add(1)
				case !errors.Is(err, identity.ErrEmailTaken):
					t.Errorf("a loser is told %v", err)
				}
			})
		}
		start.Done()
		all.Wait()
		if first.Load() != 1 || count(t, h, "identity_users") != 1 {
			t.Errorf("%d registrations succeeded, %d users", first.Load(), count(t, h, "identity_users"))
		}
	})
}

// When the sign-in is not completed, there is no account.
func TestRegisterIsOneTransaction(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.issuer.refuse = apperr.ErrAuthorization
		if _, err := h.Register(t.Context(), registration(ann, goodPass)); !errors.Is(err, apperr.ErrAuthorization) {
			t.Errorf("got %v", err)
		}
		if n := count(t, h, "identity_users"); n != 0 {
			t.Errorf("%d users were left behind", n)
		}
		if f := h.facts.last(t); f.Success || f.ErrorType != "AUTHORIZATION_ERROR" {
			t.Errorf("fact %+v", f)
		}
		h.issuer.refuse = nil
		h.register(t, ann, goodPass)
	})
}

func TestRegisterWithoutSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.issuer.off = true })
	done, _ := h.register(t, ann, goodPass)
	if done.Session != nil || done.Account.Email != ann {
		t.Errorf("registered %+v", done)
	}
}
