package identity_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		long := strings.Repeat("a long passphrase ", 5) + "of a hundred"
		done, _ := h.register(t, ann, goodPass)
		other, _ := h.register(t, "long@example.com", long)
		h.register(t, "nfc@example.com", "sch\u00f6nes wetter heute")
		for name, tc := range map[string]struct {
			email, password string
			ok              bool
			of              string // the account that a refusal names
		}{
			"right":               {ann, goodPass, true, ""},
			"other case of email": {"ANN@Example.com", goodPass, true, ""},
			"wrong":               {ann, goodPass + "!", false, done.Account.UserID},
			"empty":               {ann, "", false, done.Account.UserID},
			"blank before email":  {" " + ann, goodPass, false, ""},
			"unknown email":       {"nobody@example.com", goodPass, false, ""},
			"no email":            {"", goodPass, false, ""},
			"NUL":                 {"ann@example.com\x00", goodPass, false, ""},
			"broken UTF-8":        {"ann\xff@example.com", goodPass, false, ""},
			"long":                {"long@example.com", long, true, ""},
			"its first 72 bytes":  {"long@example.com", long[:72], false, other.Account.UserID},
			"NFD":                 {"nfc@example.com", "scho\u0308nes wetter heute", true, ""},
		} {
			a, err := h.check(t, tc.email, tc.password)
			if tc.ok != (err == nil) || (!tc.ok && !errors.Is(err, apperr.ErrAuthentication)) {
				t.Errorf("%s: got %v", name, err)
			}
			if want := (authn.Account{UserID: tc.of}); !tc.ok && !reflect.DeepEqual(a, want) {
				t.Errorf("%s: the refusal comes with %+v, want %+v", name, a, want)
			}
		}
		before := h.Statements()
		if _, err := h.check(t, ann, goodPass); err != nil || h.Statements()-before != 1 {
			t.Errorf("%d statements, %v; want one", h.Statements()-before, err)
		}
		h.Clock.Advance(time.Hour)
		s := h.signIn(t, ann, goodPass)
		if s.Account.ETag != done.Account.ETag {
			t.Error("a sign-in changes the entity tag")
		}
		if !strings.Contains(string(s.Account.Profile), h.Clock.Now().Format(`"last_login_at":"2006-01-02T15:04:05`)) {
			t.Errorf("the sign-in is not in the profile: %s", s.Account.Profile)
		}
	})
}

// A hash that another program made verifies and is replaced after the sign-in, and so is
// one whose cost is behind. Neither is a change of credentials.
func TestRehash(t *testing.T) {
	t.Parallel()
	// Both by libxcrypt, of UserPass123!, one costlier than the configured cost.
	const foreign = "$2b$08$abcdefghijklmnopqrstuulQKWcMbmEcOqynztPpj3tB7mtSOSloW"
	const cheap = "$2b$04$abcdefghijklmnopqrstuukC74wDvh/d0UVk//.V6gPpaT9Bmposm"
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.cost = 6 })
		done, _ := h.register(t, ann, goodPass)
		userID := done.Account.UserID
		for _, stored := range []string{foreign, cheap} {
			setHash(t, h, userID, stored)
			if stored == cheap {
				if _, err := h.check(t, ann, "UserPass123?"); !errors.Is(err, apperr.ErrAuthentication) {
					t.Errorf("a wrong password: %v", err)
				}
			}
			if got := value[string](t, h, "password_hash", userID); got != stored {
				t.Errorf("the hash was replaced by %s before anybody signed in", got)
			}
			a, err := h.check(t, ann, "UserPass123!")
			if err != nil || a.CredentialVersion != done.Account.CredentialVersion {
				t.Fatalf("got version %d, %v", a.CredentialVersion, err)
			}
			platformtest.Eventually(t, time.Minute, "the hash to be replaced", func() bool {
				return strings.HasPrefix(value[string](t, h, "password_hash", userID), "$2a$06$")
			})
			if a, err := h.check(t, ann, "UserPass123!"); err != nil || a.CredentialVersion != done.Account.CredentialVersion {
				t.Errorf("after the replacement: version %d, %v", a.CredentialVersion, err)
			}
		}
	})
}

// Unknown email and wrong password take the same time: medians of interleaved samples.
func TestSameTime(t *testing.T) {
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.cost = 5 })
	h.register(t, ann, goodPass)
	emails := []string{ann, "nobody@example.com"}
	median := func() float64 {
		samples := make([][]time.Duration, len(emails))
		for i := range 200 {
			for k := range emails {
				k = (k + i) % len(emails)
				begun := time.Now()
				if _, err := h.check(t, emails[k], "a wrong password"); !errors.Is(err, apperr.ErrAuthentication) {
					t.Fatalf("got %v", err)
				}
				samples[k] = append(samples[k], time.Since(begun))
			}
		}
		for _, s := range samples {
			slices.Sort(s)
		}
		return float64(samples[1][100]) / float64(samples[0][100])
	}
	// A busy machine may spoil one run; a difference in the work spoils every run.
	var ratio float64
	for range 3 {
		if ratio = median(); ratio > 0.95 && ratio < 1.05 {
			return
		}
	}
	t.Errorf("unknown emails take %.3f of the time of known ones", ratio)
}

func TestRecordSignInOfNobody(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := h.directory.RecordSignIn(ctx, tx, id.Generator{}.New(), h.Clock.Now(), authn.Client{})
			return err
		})
		if !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("got %v", err)
		}
		if _, err := h.directory.Account(t.Context(), id.Generator{}.New()); !errors.Is(err, apperr.ErrNotFound) {
			t.Errorf("Account of nobody: %v", err)
		}
	})
}

func TestStatusGate(t *testing.T) {
	t.Parallel()
	for status, want := range map[identity.Status]error{
		identity.StatusActive: nil, identity.StatusPending: nil, identity.StatusComplianceSuspended: nil,
		identity.StatusSuspended: identity.ErrSuspended, identity.StatusInactive: identity.ErrInactive, "": identity.ErrInactive, "new": identity.ErrInactive,
	} {
		d, err := identity.NewStatusGate().Check(t.Context(), bun.Tx{}, authn.Attempt{Account: authn.Account{Status: string(status)}})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil && d.Verdict != authn.Continue {
			t.Errorf("%s may not sign in", status)
		}
		if want != nil && (d.Verdict != authn.Refuse || !errors.Is(d.Err, want) || d.Err.Message() != apperr.From(want).Message()) {
			t.Errorf("%q is answered %+v", status, d)
		}
	}
}
