package identity_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func FuzzParseToken(f *testing.F) {
	for _, seed := range []string{"", firstToken, firstToken + "=", strings.Repeat("_-", 22), strings.Repeat("ä", 22), firstToken[:42] + "\x00", firstToken[:42] + "+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		hash, ok := identity.ParseToken(token)
		_, err := base64.RawURLEncoding.DecodeString(token)
		if want := err == nil && len(token) == 43 && !strings.ContainsAny(token, "\r\n"); ok != want {
			t.Fatalf("%q is a token: %v, want %v", token, ok, want)
		}
		if ok != (len(hash) == 32) {
			t.Fatalf("%q hashes to %x", token, hash)
		}
	})
}

// verify uses up a token.
func (h *house) verify(t testing.TB, token string) error {
	t.Helper()
	_, err := h.VerifyEmail(t.Context(), token)
	return err
}

// changeEmail asks for another address and returns the token that was mailed to it.
func (h *house) changeEmail(t testing.TB, userID, to, password string) string {
	t.Helper()
	account, err := h.directory.Account(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	p := principalOf(account)
	if err := h.RequestEmailChange(t.Context(), p, identity.EmailChange{Email: to, Current: secret.New(password), Client: client()}); err != nil {
		t.Fatal(err)
	}
	return tokenIn(t, h.mails(t), identity.PurposeChange, to)
}

// Of 64 who bring a token at one instant, one succeeds; the others are told it is gone.
func TestTokensWorkOnce(t *testing.T) {
	t.Parallel()
	const rounds, callers = 50, 64
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for round := range rounds {
			email := fmt.Sprintf("u%d@example.com", round)
			done, _ := h.register(t, email, goodPass)
			token := tokenIn(t, h.mails(t), identity.PurposeVerify, email)
			use := func(int) error { return h.verify(t, token) }
			switch round % 3 {
			case 1:
				token = h.changeEmail(t, done.Account.UserID, "new-"+email, goodPass)
			case 2:
				token = h.forgot(t, email)
				use = func(i int) error {
					for {
						err := h.ResetPassword(t.Context(), reset(token, fmt.Sprint(anotherPass, i)))
						if !errors.Is(err, apperr.ErrUnavailable) { // too many hashes at once, on a slow machine
							return err
						}
					}
				}
			}
			won := 0
			for _, err := range together(callers, use) {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, identity.ErrTokenGone):
					t.Errorf("round %d: a loser is told %v", round, err)
				}
			}
			if won != 1 {
				t.Fatalf("round %d: %d succeeded", round, won)
			}
		}
	})
}

// together calls fn n times at once and returns the errors.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// What ends a token before anybody has used it.
func TestTokensDie(t *testing.T) {
	t.Parallel()
	const verify, reset0, change0 = identity.PurposeVerify, identity.PurposeReset, identity.PurposeChange
	cases := map[string]struct {
		what func(t *testing.T, h *house, userID string)
		dead []identity.Purpose
	}{
		"nothing":       {func(*testing.T, *house, string) {}, nil},
		"half an hour":  {func(_ *testing.T, h *house, _ string) { h.Clock.Advance(30 * time.Minute) }, []identity.Purpose{reset0}},
		"almost a day":  {func(_ *testing.T, h *house, _ string) { h.Clock.Advance(24*time.Hour - time.Second) }, []identity.Purpose{reset0}},
		"almost half":   {func(_ *testing.T, h *house, _ string) { h.Clock.Advance(30*time.Minute - time.Second) }, nil},
		"a day":         {func(_ *testing.T, h *house, _ string) { h.Clock.Advance(24 * time.Hour) }, []identity.Purpose{verify, reset0, change0}},
		"a newer reset": {func(t *testing.T, h *house, _ string) { h.forgot(t, ann) }, []identity.Purpose{reset0}},
		"a newer change": {func(t *testing.T, h *house, userID string) {
			h.changeEmail(t, userID, "third@example.com", goodPass)
		}, []identity.Purpose{change0}},
		"a newer verification": {func(t *testing.T, h *house, _ string) {
			if err := h.RequestVerification(t.Context(), ann, client()); err != nil {
				t.Fatal(err)
			}
			tokenIn(t, h.mails(t), verify, ann)
		}, []identity.Purpose{verify}},
		"a change of password": {func(t *testing.T, h *house, userID string) {
			account, err := h.directory.Account(t.Context(), userID)
			if err == nil {
				err = h.ChangePassword(t.Context(), principalOf(account), change(goodPass, anotherPass))
			}
			if err != nil {
				t.Fatal(err)
			}
		}, []identity.Purpose{reset0, change0}},
		"an operator's password": {func(t *testing.T, h *house, userID string) {
			if err := identity.NewAdmin(h.Service).SetPassword(t.Context(), userID, secret.New(anotherPass)); err != nil {
				t.Fatal(err)
			}
		}, []identity.Purpose{reset0, change0}},
		"a password from before there were tokens": {func(t *testing.T, h *house, userID string) {
			err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewRaw("UPDATE identity_users SET credential_version = credential_version + 1 WHERE id = ?", userID).Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}, []identity.Purpose{reset0, change0}},
		"suspension": {func(t *testing.T, h *house, userID string) {
			if _, err := identity.NewAdmin(h.Service).SetStatus(t.Context(), userID, identity.StatusSuspended); err != nil {
				t.Fatal(err)
			}
		}, []identity.Purpose{verify, reset0, change0}},
		"suspension that is over": {func(t *testing.T, h *house, userID string) {
			for _, status := range []identity.Status{identity.StatusSuspended, identity.StatusActive} {
				if _, err := identity.NewAdmin(h.Service).SetStatus(t.Context(), userID, status); err != nil {
					t.Fatal(err)
				}
			}
		}, []identity.Purpose{verify, reset0, change0}},
		"deletion": {func(t *testing.T, h *house, userID string) {
			if err := identity.NewAdmin(h.Service).Delete(t.Context(), userID); err != nil {
				t.Fatal(err)
			}
		}, []identity.Purpose{verify, reset0, change0}},
		"a restored backup": {func(t *testing.T, h *house, _ string) {
			err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return h.Bus.Publish(ctx, tx, events.DataRestored{}) })
			if err != nil {
				t.Fatal(err)
			}
		}, []identity.Purpose{verify, reset0, change0}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
				h := newHouse(t, b)
				done, _ := h.register(t, ann, goodPass)
				userID := done.Account.UserID
				tokens := map[identity.Purpose]string{verify: tokenIn(t, h.mails(t), verify, ann)}
				tokens[reset0], tokens[change0] = h.forgot(t, ann), h.changeEmail(t, userID, "other@example.com", goodPass)
				tc.what(t, h, userID)
				for purpose, token := range tokens {
					var want error
					for _, dead := range tc.dead {
						if dead == purpose {
							want = identity.ErrTokenGone
						}
					}
					state, err := h.PeekToken(t.Context(), purpose, token)
					if !errors.Is(err, want) || (want == nil && (state.Purpose != purpose || state.Email == "")) {
						t.Errorf("%s looks %+v, %v", purpose, state, err)
					}
					if want == nil {
						continue // its use would end the others
					}
					if purpose == reset0 {
						err = h.ResetPassword(t.Context(), reset(token, anotherPass+"!"))
					} else {
						err = h.verify(t, token)
					}
					if !errors.Is(err, want) {
						t.Errorf("the use of %s: %v", purpose, err)
					}
				}
			})
		})
	}
}

// Looking at a token does not use it up, and one purpose is no other.
func TestPeekToken(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, _ := h.register(t, ann, goodPass)
		verify := tokenIn(t, h.mails(t), identity.PurposeVerify, ann)
		recovery, moved := h.forgot(t, ann), h.changeEmail(t, done.Account.UserID, "other@example.com", goodPass)
		for _, tc := range []struct {
			purpose identity.Purpose
			token   string
			email   string
			err     error
		}{
			{identity.PurposeVerify, verify, ann, nil},
			{identity.PurposeReset, recovery, ann, nil},
			{identity.PurposeChange, moved, "other@example.com", nil},
			{identity.PurposeVerify, moved, "other@example.com", nil},
			{identity.PurposeReset, verify, "", identity.ErrTokenGone},
			{identity.PurposeReset, moved, "", identity.ErrTokenGone},
			{identity.PurposeVerify, recovery, "", identity.ErrTokenGone},
			{identity.PurposeChange, verify, "", identity.ErrTokenGone},
			{identity.PurposeVerify, strings.Repeat("x", 43), "", identity.ErrTokenGone},
			{identity.PurposeVerify, "", "", apperr.ErrValidation},
			{identity.PurposeVerify, verify + "=", "", apperr.ErrValidation},
		} {
			for range 3 {
				got, err := h.PeekToken(t.Context(), tc.purpose, tc.token)
				if !errors.Is(err, tc.err) || got.Email != tc.email {
					t.Errorf("%s of %.3s…: %+v, %v", tc.purpose, tc.token, got, err)
				}
			}
		}
		if err := h.verify(t, recovery); !errors.Is(err, identity.ErrTokenGone) {
			t.Errorf("a recovery verifies: %v", err)
		}
		if err := h.ResetPassword(t.Context(), reset(verify, anotherPass)); !errors.Is(err, identity.ErrTokenGone) {
			t.Errorf("a verification recovers: %v", err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionPasswordReset || f.Success || f.ErrorType != "GONE" || f.ResourceID != done.Account.UserID || f.ActorID != "" {
			t.Errorf("fact of the refusal: %+v", f)
		}
		if err := h.verify(t, verify); err != nil {
			t.Errorf("the token was used up: %v", err)
		}
	})
}

func TestCleanupTokens(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.register(t, ann, goodPass)
		h.mails(t)
		h.forgot(t, ann)
		if err := h.RequestReset(t.Context(), "nobody@example.com", client()); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after           time.Duration
			removed         int64
			tokens, waiting int
		}{{29 * time.Minute, 0, 2, 1}, {time.Minute, 1, 1, 1}, {24 * time.Hour, 1, 0, 0}} {
			h.Clock.Advance(step.after)
			n, err := h.CleanupTokens(t.Context())
			if err != nil || n != step.removed || count(t, h, "identity_tokens") != step.tokens || count(t, h, "identity_mail_requests") != step.waiting {
				t.Errorf("after %v more: %d removed, %d tokens and %d requests left, %v",
					step.after, n, count(t, h, "identity_tokens"), count(t, h, "identity_mail_requests"), err)
			}
		}
	})
}

// No table holds a token or a way to it, and no address that was asked for in clear.
func TestTokensAreInNoTable(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.register(t, ann, goodPass)
		if _, err := h.postman.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{ann, "nobody@example.com"} {
			if err := h.RequestReset(t.Context(), email, client()); err != nil {
				t.Fatal(err)
			}
		}
		asked := h.dump(t)
		if strings.Contains(asked, "nobody") || strings.Contains(asked, "203.0.113.7\"") || !strings.Contains(asked, "identity_mail_requests") {
			t.Error("a request for mail is kept in clear")
		}
		if _, err := h.postman.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
		waiting := h.dump(t)
		mails := h.trap.Deliver(t.Context())
		tokens := []string{tokenIn(t, mails, identity.PurposeVerify, ann), tokenIn(t, mails, identity.PurposeReset, ann)}
		if err := h.verify(t, tokens[0]); err != nil {
			t.Fatal(err)
		}
		for when, dump := range map[string]string{"while it waits": waiting, "when it is used": h.dump(t)} {
			for _, token := range tokens {
				raw, err := base64.RawURLEncoding.DecodeString(token)
				if err != nil {
					t.Fatal(err)
				}
				for _, form := range []string{token, hex.EncodeToString(raw), hex.EncodeToString([]byte(token)), string(raw)} {
					if strings.Contains(dump, form) {
						t.Errorf("a token is in a table %s", when)
					}
				}
			}
		}
	})
}

// dump writes every row of every table, with bytes as they are and in hexadecimal digits.
func (h *house) dump(t testing.TB) string {
	t.Helper()
	names := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if h.DB.Dialect() == database.PostgreSQL {
		names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	var tables []string
	if err := h.DB.Read().NewRaw(names).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range tables {
		var rows []map[string]any
		if err := h.DB.Read().NewSelect().Table(table).Scan(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			fmt.Fprint(&out, table)
			for _, v := range row {
				if bytes, ok := v.([]byte); ok {
					fmt.Fprintf(&out, "|%x|%s", bytes, bytes)
				} else {
					fmt.Fprintf(&out, "|%v", v)
				}
			}
			fmt.Fprintln(&out)
		}
	}
	return out.String()
}
