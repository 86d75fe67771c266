package sessions_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// gateFunc is a gate.
type gateFunc func(authn.Attempt) (authn.Decision, error)

func (g gateFunc) Check(_ context.Context, _ bun.Tx, a authn.Attempt) (authn.Decision, error) {
	return g(a)
}

func decide(d authn.Decision) authn.SignInGate {
	return gateFunc(func(authn.Attempt) (authn.Decision, error) { return d, nil })
}

func gates(g sessions.Gates) func(*setup) {
	open := openGates()
	for _, slot := range []struct{ given, into *authn.SignInGate }{
		{&g.Status, &open.Status},
		{&g.VerifiedEmail, &open.VerifiedEmail},
		{&g.EnforcedSSO, &open.EnforcedSSO},
		{&g.SecondFactor, &open.SecondFactor},
		{&g.Compliance, &open.Compliance},
	} {
		if *slot.given != nil {
			*slot.into = *slot.given
		}
	}
	return func(s *setup) { s.parts.Gates = open }
}

func (r *replica) login(t testing.TB, email, password string) (authn.Outcome, error) {
	t.Helper()
	return r.Login(t.Context(), sessions.PasswordLogin{
		Email: email, Password: secret.New(password),
		Client: authn.Client{Address: netip.MustParseAddr("203.0.113.7"), UserAgent: "curl/8.5.0", RequestID: "r-1"},
	})
}

// Rule 11: gates are asked in the order status, verified email, enforced SSO, second
// factor, compliance; the first that refuses ends the round.
func TestRule11GatesAreAskedInOrder(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	var asked []string
	note := func(name string) authn.SignInGate {
		return gateFunc(func(authn.Attempt) (authn.Decision, error) {
			asked = append(asked, name)
			return authn.Decision{Verdict: authn.Continue}, nil
		})
	}
	r := newReplica(t, b, gates(sessions.Gates{
		Compliance: note("compliance"), SecondFactor: note("second factor"), EnforcedSSO: note("sso"),
		VerifiedEmail: note("email"), Status: note("status"),
	}))
	if _, err := r.login(t, bob, bobPassword); err != nil {
		t.Fatal(err)
	}
	if want := []string{"status", "email", "sso", "second factor", "compliance"}; !slices.Equal(asked, want) {
		t.Fatalf("asked %v, want %v", asked, want)
	}
	asked = nil
	if _, err := r.login(t, bob, "wrong"); !errors.Is(err, apperr.ErrAuthentication) || len(asked) != 0 {
		t.Fatalf("a wrong password was answered %v after asking %v: gates answer only after a right one", err, asked)
	}
}

// Rule 11: an error refuses, and so does an answer that is none.
func TestRule11EverythingButContinueRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("out of order")
	sso := apperr.New(apperr.Forbidden, apperr.CodeSSORequired, "Sign in with your organization.")
	cases := map[string]struct {
		gate authn.SignInGate
		want error
	}{
		"an error":               {gateFunc(func(authn.Attempt) (authn.Decision, error) { return authn.Decision{Verdict: authn.Continue}, broken }), broken},
		"the zero decision":      {decide(authn.Decision{}), apperr.ErrAuthorization},
		"a refusal":              {decide(authn.Decision{Verdict: authn.Refuse, Err: sso}), sso},
		"an unknown verdict":     {decide(authn.Decision{Verdict: 99}), apperr.ErrInternal},
		"a challenge of nothing": {decide(authn.Decision{Verdict: authn.ChallengeNeeded, Methods: []string{"otp"}}), apperr.ErrInternal},
	}
	both(t, func(t *testing.T, b platformtest.Backend) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				for _, g := range []sessions.Gates{{Status: c.gate}, {EnforcedSSO: c.gate}, {Compliance: c.gate}} {
					r := newReplica(t, b, gates(g))
					out, err := r.login(t, bob, bobPassword)
					if out.Session != nil || out.Challenge != nil {
						t.Fatal("a session was issued")
					}
					if err == nil || !errors.Is(apperr.From(err), apperr.From(c.want)) {
						t.Fatalf("refused with %v, want %v", err, c.want)
					}
				}
			})
		}
		n, err := b.DB.Read().NewSelect().Table("sessions_sessions").Count(t.Context())
		if err != nil || n != 0 {
			t.Fatalf("%d rows were left behind (%v)", n, err)
		}
	})
}

// Rule 11: absence is explicit, never nil.
func TestRule11MissingGateIsRefusedWhenTheServiceIsBuilt(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	_, err := sessions.New(sessions.DefaultConfig(), sessions.Parts{
		DB: b.DB, Cache: b.Sliding, Invalidation: invalidation.New(b.DB, clock.System{}, slog.New(slog.DiscardHandler), invalidation.Settings{}),
		Metrics: prometheus.NewRegistry(), Gates: sessions.Gates{Status: authn.NoGate{}},
	})
	for _, want := range []string{"verified email", "enforced SSO", "second factor", "compliance"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %q", err, want)
		}
	}
}

// Rule 11: a gate that challenges yields a challenge and no session.
func TestRule11ChallengeGivesNoSession(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		until := b.Clock.Now().Add(5 * time.Minute).Truncate(time.Second)
		asked := false
		r := newReplica(t, b, gates(sessions.Gates{
			SecondFactor: decide(authn.Decision{Verdict: authn.ChallengeNeeded, Challenge: &authn.Challenge{
				Token: secret.New("pending"), Methods: []string{"otp", "hwk"}, ExpiresAt: until,
			}}),
			Compliance: gateFunc(func(authn.Attempt) (authn.Decision, error) {
				asked = true
				return authn.Decision{Verdict: authn.Continue}, nil
			}),
		}))
		out, err := r.login(t, bob, bobPassword)
		if err != nil || out.Session != nil || out.Challenge == nil {
			t.Fatalf("got %+v, %v", out, err)
		}
		if c := out.Challenge; c.Token.Reveal() != "pending" || !slices.Equal(c.Methods, []string{"otp", "hwk"}) || !c.ExpiresAt.Equal(until) {
			t.Fatalf("the challenge is %+v", c)
		}
		if asked {
			t.Error("the rule after the challenge was asked")
		}
		if r.people.reads != 0 || len(r.facts.list()) != 0 {
			t.Error("a sign-in was recorded that did not happen")
		}
	})
}

// Rule 11: a restricting gate gives a session that may only enroll a factor, also after
// the cache was lost.
func TestRule11RestrictionStaysWithTheSession(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, gates(sessions.Gates{Compliance: decide(authn.Decision{Verdict: authn.Restrict})}))
		out, err := r.login(t, bob, bobPassword)
		if err != nil || !out.Session.ComplianceOnly {
			t.Fatalf("got %+v, %v", out.Session, err)
		}
		if p := r.accepts(t, out.Session); !p.ComplianceOnly {
			t.Fatal("the cached session is not restricted")
		}
		r.lose(t, b, out.Session)
		if p := r.accepts(t, out.Session); !p.ComplianceOnly {
			t.Fatal("the stored session is not restricted")
		}
	})
}

// Rule 18: a log-in is one statement here, beside reading the credential and recording
// the sign-in, and one commit.
func TestRule18LoginIsOneStatementHere(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		for range 3 {
			before := b.Statements()
			if _, err := r.login(t, bob, bobPassword); err != nil {
				t.Fatal(err)
			}
			if got := b.Statements() - before; got != 1 {
				t.Fatalf("a log-in took %d statements, want one", got)
			}
		}
	})
}

// A password that is changed between its check and the end of the sign-in opens nothing.
func TestPasswordChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		r.people.recording = func() { r.people.change(bob, func(a *authn.Account) { a.CredentialVersion++ }) }
		out, err := r.login(t, bob, bobPassword)
		if !errors.Is(err, apperr.ErrAuthentication) || out.Session != nil {
			t.Fatalf("got %+v, %v", out, err)
		}
		if n, err := b.DB.Read().NewSelect().Table("sessions_sessions").Count(t.Context()); err != nil || n != 0 {
			t.Fatalf("%d rows, %v", n, err)
		}
	})
}

// A user who is suspended between the gates and the end of the sign-in meets the gates
// again; one who is deleted is nobody.
func TestUserChangedMeanwhileMeetsTheGatesAgain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		suspended := apperr.ErrAuthorization
		r := newReplica(t, b, gates(sessions.Gates{Status: gateFunc(func(a authn.Attempt) (authn.Decision, error) {
			if a.Account.Status == "active" {
				return authn.Decision{Verdict: authn.Continue}, nil
			}
			return authn.Decision{Verdict: authn.Refuse, Err: suspended}, nil
		})}))
		r.people.recording = func() { r.people.change(bob, func(a *authn.Account) { a.Status = "suspended" }) }
		if out, err := r.login(t, bob, bobPassword); !errors.Is(err, suspended) || out.Session != nil {
			t.Fatalf("suspended meanwhile: %+v, %v", out, err)
		}
		r.people.recording = func() { r.people.remove(carol) }
		if out, err := r.login(t, carol, "UserPass123!"); !errors.Is(err, apperr.ErrAuthentication) || out.Session != nil {
			t.Fatalf("deleted meanwhile: %+v, %v", out, err)
		}
	})
}

func TestSessionIsUsableOnlyAfterTheCommit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		var s *authn.IssuedSession
		err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			out, err := r.CompleteSignIn(ctx, tx, authn.Attempt{Account: r.people.account(bob), Flow: authn.FlowRegister, Methods: []string{"pwd"}})
			if err != nil {
				return err
			}
			s = out.Session
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
	})
}

func TestRememberMeChangesNothingUnlessConfigured(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		attempt := func(r *replica, remember bool) *authn.IssuedSession {
			out, err := r.complete(t, authn.Attempt{Account: r.people.account(bob), Flow: authn.FlowPassword, Methods: []string{"pwd"}, Remember: remember})
			if err != nil {
				t.Fatal(err)
			}
			return out.Session
		}
		r := newReplica(t, b)
		if s := attempt(r, true); s.AbsoluteExpiresAt.Sub(r.clock.Now()).Round(time.Second) != 8*time.Hour || s.ExpiresAt.Sub(r.clock.Now()).Round(time.Second) != 15*time.Minute {
			t.Fatalf("remembered without being configured: %+v", s)
		}
		r = newReplica(t, b, func(s *setup) {
			s.config.RememberIdleTimeout, s.config.RememberAbsoluteTimeout = 24*time.Hour, 30*24*time.Hour
		})
		if s := attempt(r, true); s.AbsoluteExpiresAt.Sub(r.clock.Now()).Round(time.Second) != 30*24*time.Hour || s.ExpiresAt.Sub(r.clock.Now()).Round(time.Second) != 24*time.Hour {
			t.Fatalf("not remembered: %+v", s)
		}
		s := attempt(r, false)
		if s.AbsoluteExpiresAt.Sub(r.clock.Now()).Round(time.Second) != 8*time.Hour {
			t.Fatalf("remembered without being asked: %+v", s)
		}
		remembered := attempt(r, true)
		r.clock.Advance(23 * time.Hour)
		r.lose(t, b, remembered)
		r.accepts(t, remembered)
		r.refuses(t, s, apperr.ErrSessionInactive)
	})
}

func TestFactsOfSigningInAndOut(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, gates(sessions.Gates{Status: gateFunc(func(a authn.Attempt) (authn.Decision, error) {
			if a.Account.Email == carol {
				return authn.Decision{Verdict: authn.Refuse, Err: apperr.ErrAuthorization}, nil
			}
			return authn.Decision{Verdict: authn.Continue}, nil
		})}))
		_, _ = r.login(t, bob, "wrong")
		_, _ = r.login(t, "nobody@acme-corp.com", "wrong")
		_, _ = r.login(t, carol, "UserPass123!")
		out, err := r.login(t, bob, bobPassword)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Logout(t.Context(), r.accepts(t, out.Session)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.complete(t, authn.Attempt{Account: r.people.account(bob), Flow: authn.FlowRegister, Methods: []string{"pwd"}}); err != nil {
			t.Fatal(err)
		}
		uid, cid := r.people.account(bob).UserID, r.people.account(carol).UserID
		want := []events.Fact{
			{Action: "user.login", ErrorType: "AUTHENTICATION_ERROR", ResourceType: "user", ResourceID: uid},
			{Action: "user.login", ErrorType: "AUTHENTICATION_ERROR", ResourceType: "user", Personal: map[string]string{"email": "nobody@acme-corp.com"}},
			{Action: "user.login", ErrorType: "AUTHORIZATION_ERROR", ActorID: cid, ResourceType: "user", ResourceID: cid},
			{Action: "user.login", Success: true, ActorID: uid},
			{Action: "user.logout", Success: true, ActorID: uid},
			{Action: "session.create", Success: true, ActorID: uid},
		}
		got := r.facts.list()
		if len(got) != len(want) {
			t.Fatalf("%d facts: %+v", len(got), got)
		}
		for i, w := range want {
			g := got[i]
			if g.Action != w.Action || g.Success != w.Success || g.ErrorType != w.ErrorType || g.ActorID != w.ActorID || !maps.Equal(g.Personal, w.Personal) {
				t.Errorf("fact %d is %+v, want %+v", i, g, w)
			}
			if w.ResourceType != "" && (g.ResourceType != w.ResourceType || g.ResourceID != w.ResourceID) {
				t.Errorf("fact %d is on %s %q, want %s %q", i, g.ResourceType, g.ResourceID, w.ResourceType, w.ResourceID)
			}
			for _, v := range slices.Concat(slices.Collect(maps.Values(g.Metadata)), slices.Collect(maps.Values(g.Personal))) {
				if strings.Contains(v, bobPassword) || strings.Contains(v, out.Session.Token.Reveal()) {
					t.Errorf("fact %d holds a secret", i)
				}
			}
		}
	})
}

// 64 log-ins at one instant, and 64 revocations of the same session.
func TestManyAtOneInstant(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		const n = 64
		issued := make([]*authn.IssuedSession, n)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				<-start
				out, err := r.login(t, bob, bobPassword)
				if err != nil {
					t.Errorf("log-in %d: %v", i, err)
					return
				}
				issued[i] = out.Session
			})
		}
		close(start)
		wg.Wait()
		seen := map[string]bool{}
		for _, s := range issued {
			r.accepts(t, s)
			if seen[s.ID] || seen[s.Token.Reveal()] {
				t.Fatal("two log-ins share a session")
			}
			seen[s.ID], seen[s.Token.Reveal()] = true, true
		}
		p := r.accepts(t, issued[0])
		facts := len(r.facts.list())
		start = make(chan struct{})
		for range n {
			wg.Go(func() {
				<-start
				if err := r.Revoke(t.Context(), p, issued[1].ID); err != nil {
					t.Errorf("revoke: %v", err)
				}
			})
		}
		close(start)
		wg.Wait()
		r.refuses(t, issued[1], apperr.ErrInvalidToken)
		if got := len(r.facts.list()) - facts; got != 1 {
			t.Errorf("one session ended %d times", got)
		}
		var total, ended int
		start = make(chan struct{})
		var mu sync.Mutex
		for range 8 {
			wg.Go(func() {
				<-start
				got, err := r.RevokeAll(t.Context(), p, false)
				if err != nil {
					t.Errorf("revoke all: %v", err)
				}
				mu.Lock()
				total += got
				mu.Unlock()
			})
		}
		close(start)
		wg.Wait()
		for _, s := range issued[2:] {
			r.refuses(t, s, apperr.ErrInvalidToken)
			ended++
		}
		if total != ended {
			t.Errorf("%d sessions were said to end, %d did", total, ended)
		}
	})
}
