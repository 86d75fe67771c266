package sessions_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
)

const rightCode = "123456"

// pockets checks second factors, all of whose codes are rightCode.
type pockets struct{}

func newPockets() *pockets { return &pockets{} }

func (k *pockets) Verify(_ context.Context, _ *authn.Principal, proof sessions.StepUpProof) (string, error) {
	switch {
	case string(proof.Assertion) == `{"id":"key"}`:
		return authn.MethodHardwareKey, nil
	case proof.Code.Reveal() == rightCode:
		return authn.MethodOTP, nil
	}
	return "", apperr.ErrAuthentication
}

// give gives somebody a second factor, or takes it away, as its module does: the change
// invalidates the user.
func (k *pockets) give(t testing.TB, r *replica, email string, has bool) {
	t.Helper()
	r.changeUser(t, email, func(a *authn.Account) { a.SecondFactor = has })
	r.publish(t, events.UserChanged{UserID: r.people.account(email).UserID})
}

func (k *pockets) set(s *setup) { s.parts.Factors = k }

func byPassword(password string) sessions.StepUp {
	return sessions.StepUp{Password: secret.New(password)}
}

func byCode(code string) sessions.StepUp {
	return sessions.StepUp{Proof: sessions.StepUpProof{Code: secret.New(code)}}
}

func byKey() sessions.StepUp {
	return sessions.StepUp{Proof: sessions.StepUpProof{Assertion: []byte(`{"id":"key"}`)}}
}

// Every kind of user with every proof, and what becomes of an old session.
func TestStepUp(t *testing.T) {
	t.Parallel()
	old := 6 * time.Minute
	cases := map[string]struct {
		second  bool
		began   []string
		proof   sessions.StepUp
		want    apperr.Code
		methods []string
	}{
		"password":                     {false, []string{"pwd"}, byPassword(bobPassword), "", []string{"pwd"}},
		"wrong password":               {false, []string{"pwd"}, byPassword("wrong"), apperr.CodeAuthentication, nil},
		"password of a linked account": {false, []string{"fed"}, byPassword(bobPassword), "", []string{"fed", "pwd"}},
		"password, factor is gone":     {false, []string{"pwd", "otp"}, byPassword(bobPassword), "", []string{"pwd"}},
		"code of nobody":               {false, []string{"pwd"}, byCode(rightCode), apperr.CodeStepUpRequired, nil},
		"password is not enough":       {true, []string{"pwd"}, byPassword(bobPassword), apperr.CodeStepUpRequired, nil},
		"not even with an old factor":  {true, []string{"pwd", "otp"}, byPassword(bobPassword), apperr.CodeStepUpRequired, nil},
		"code":                         {true, []string{"pwd"}, byCode(rightCode), "", []string{"pwd", "otp"}},
		"code again":                   {true, []string{"pwd", "otp"}, byCode(rightCode), "", []string{"pwd", "otp"}},
		"wrong code":                   {true, []string{"pwd"}, byCode("000000"), apperr.CodeAuthentication, nil},
		"passkey":                      {true, []string{"pwd"}, byKey(), "", []string{"pwd", "hwk"}},
	}
	both(t, func(t *testing.T, b platformtest.Backend) {
		for name, c := range cases {
			keys := newPockets()
			r := newReplica(t, b, keys.set, short(time.Hour, 8*time.Hour))
			keys.give(t, r, bob, c.second)
			out, err := r.complete(t, authn.Attempt{Account: r.people.account(bob), Flow: authn.FlowPassword, Methods: c.began})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s := out.Session
			keys.give(t, r, bob, c.second) // a sign-in with a factor is taken for proof of having one
			p := r.accepts(t, s)
			if want := !c.second || slices.ContainsFunc(c.began, authn.IsSecondFactor); p.Fresh(r.clock.Now()) != want {
				t.Errorf("%s: a new session is fresh: %t", name, !want)
			}
			r.clock.Advance(old)
			p = r.accepts(t, s)
			if p.Fresh(r.clock.Now()) || p.FreshFor != 5*time.Minute {
				t.Errorf("%s: an old session is fresh", name)
			}
			known := len(r.facts.list())
			done, err := r.StepUp(t.Context(), p, c.proof)
			now := r.clock.Now().UTC().Truncate(time.Millisecond)
			facts := r.facts.list()[known:]
			if len(facts) != 1 || facts[0].Action != "user.step_up" || facts[0].Success != (c.want == "") || facts[0].ErrorType != string(c.want) ||
				facts[0].ActorID != p.UserID || facts[0].ResourceID != s.ID {
				t.Errorf("%s: the trail has %+v", name, facts)
			}
			after := r.accepts(t, s)
			if c.want != "" {
				if err == nil || apperr.From(err).Code() != c.want || after.Fresh(r.clock.Now()) || !slices.Equal(after.AuthMethods, c.began) {
					t.Errorf("%s: %v, then %+v", name, err, after)
				}
				continue
			}
			if err != nil || !slices.Equal(done.AuthMethods, c.methods) || !done.AuthenticatedAt.Equal(now) {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
			if !after.Fresh(r.clock.Now()) || !slices.Equal(after.AuthMethods, c.methods) || !after.AuthenticatedAt.Equal(now) {
				t.Errorf("%s: then %+v", name, after)
			}
			r.clock.Advance(5*time.Minute + time.Millisecond)
			if r.accepts(t, s).Fresh(r.clock.Now()) {
				t.Errorf("%s: it lasts for longer than it should", name)
			}
		}
	})
}

// A factor that is set up ends what the password alone had opened.
func TestNewFactorIsAskedForAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		keys := newPockets()
		r := newReplica(t, b, keys.set)
		s := r.signIn(t, bob)
		if !r.accepts(t, s).Fresh(r.clock.Now()) {
			t.Fatal("a new session is not fresh")
		}
		keys.give(t, r, bob, true)
		if p := r.accepts(t, s); p.Fresh(r.clock.Now()) || !p.Account.SecondFactor {
			t.Errorf("the session is still %+v", p)
		}
		if _, err := r.StepUp(t.Context(), r.accepts(t, s), byCode(rightCode)); err != nil || !r.accepts(t, s).Fresh(r.clock.Now()) {
			t.Error("the factor does not lift it", err)
		}
	})
}

// A step-up on one replica is seen by the next request on another, and on none once the
// session was revoked.
func TestStepUpOnTwoReplicas(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, lines()...)
	a := newReplica(t, b)
	other := newReplica(t, b, with(a))
	for range 10 {
		s := a.signIn(t, bob)
		p := a.accepts(t, s)
		a.clock.Advance(6 * time.Minute)
		a.accepts(t, s)
		if other.accepts(t, s).Fresh(a.clock.Now()) {
			t.Fatal("an old session is fresh")
		}
		if _, err := a.StepUp(t.Context(), p, byPassword(bobPassword)); err != nil {
			t.Fatal(err)
		}
		if !other.accepts(t, s).Fresh(a.clock.Now()) || !a.accepts(t, s).Fresh(a.clock.Now()) {
			t.Fatal("the step-up is not seen")
		}
		if err := other.Logout(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if _, err := a.StepUp(t.Context(), p, byPassword(bobPassword)); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Fatalf("a revoked session steps up: %v", err)
		}
		a.refuses(t, s, apperr.ErrInvalidToken)
		other.refuses(t, s, apperr.ErrInvalidToken)
	}
}

// Step-ups and a revocation at one instant: whatever comes first, the session is over.
func TestStepUpRevivesNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		for range 15 {
			s := r.signIn(t, bob)
			p := r.accepts(t, s)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if _, err := r.StepUp(t.Context(), p, byPassword(bobPassword)); err != nil && !errors.Is(err, apperr.ErrInvalidToken) {
						t.Errorf("step-up: %v", err)
					}
				})
				all.Go(func() { _, _ = r.Authenticate(t.Context(), s.Token.Reveal()) })
			}
			all.Go(func() {
				if err := r.Logout(t.Context(), p); err != nil {
					t.Errorf("logout: %v", err)
				}
			})
			all.Wait()
			r.refuses(t, s, apperr.ErrInvalidToken)
			if got := r.status(t, s.ID); got != "REVOKED" {
				t.Fatalf("the row is %s", got)
			}
		}
	})
}

// Wrong proofs slow the account down together with failed log-ins; right ones forgive.
func TestStepUpIsCounted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		client := authn.Client{}
		for name, second := range map[string]bool{"password": false, "code": true} {
			keys := newPockets()
			r := newReplica(t, b, keys.set, func(s *setup) {
				s.parts.Guard = ratelimit.NewGuard(ratelimit.NewMemoryGrowing(s.clock), b.Store, [32]byte{1}, true)
			})
			session := r.signIn(t, bob)
			keys.give(t, r, bob, second)
			p := r.accepts(t, session)
			wrong, right := byPassword("wrong"), byPassword(bobPassword)
			if second {
				wrong, right = byCode("0"), byCode(rightCode)
			}
			wrong.Client, right.Client = client, client
			for range 3 {
				if _, err := r.StepUp(t.Context(), p, wrong); !errors.Is(err, apperr.ErrAuthentication) {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if _, err := r.StepUp(t.Context(), p, right); err != nil { // forgives
				t.Fatalf("%s: %v", name, err)
			}
			for range 5 {
				_, _ = r.StepUp(t.Context(), p, wrong)
			}
			_, err := r.StepUp(t.Context(), p, right)
			if !errors.Is(err, apperr.ErrRateLimited) || apperr.From(err).RetryAfter() <= 0 {
				t.Errorf("%s: after five wrong ones: %v", name, err)
			}
			if _, err := r.Login(t.Context(), sessions.PasswordLogin{Email: bob, Password: secret.New(bobPassword), Client: client}); !errors.Is(err, apperr.ErrRateLimited) {
				t.Errorf("%s: log-ins are not slowed down with it: %v", name, err)
			}
		}
	})
}

// The journey by HTTP, whole: an operation of another module asks, the step-up lifts.
func TestStepUpJourney(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		keys := newPockets()
		s := newSite(t, b, keys.set)
		vault := httpx.Op(httpx.Operation{
			ID: "open-vault", Method: http.MethodGet, Path: "/api/v1/vault", StepUp: httpx.StepUpNeeded, Summary: "Opened", Tag: "Vault", ResultExample: httpx.Empty{},
		}, func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
			return httpx.OK(httpx.Empty{}), nil
		})
		api, err := httpx.New(httpx.Settings{PublicURL: "https://auth.example.com", Version: "test"}, httpx.Deps{
			Log: b.Log, Clock: b.Clock, Random: &counted{}, Authenticator: s.replica,
		})
		if err == nil {
			err = api.Mount(append(s.Endpoints(), vault), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.handler = api.Handler()
		golden := func(name string, a answer, status int, challenge string) {
			t.Helper()
			if a.status != status || a.header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%s: status %d, WWW-Authenticate %q", name, a.status, a.header.Get("WWW-Authenticate"))
			}
			platformtest.Golden(t, "testdata/"+name+".golden.json", append(a.body, '\n'))
		}
		auth := bearer(s.token(t, bob))
		open := func() answer { return s.call(t, http.MethodGet, "/api/v1/vault", "", auth...) }
		if a := open(); a.status != http.StatusOK {
			t.Fatalf("a new session: %d %s", a.status, a.body)
		}
		b.Clock.Advance(5*time.Minute + time.Second)
		golden("step_up_required", open(), http.StatusUnauthorized, `Bearer error="insufficient_user_authentication", max_age=300`)
		prove := func(body string) answer { return s.call(t, http.MethodPost, "/api/v1/auth/step-up", body, auth...) }
		golden("step_up_wrong", prove(`{"password":"wrong"}`), http.StatusUnauthorized, "Bearer")
		golden("step_up_none", prove(`{}`), http.StatusBadRequest, "")
		golden("step_up_two", prove(`{"password":"UserPass123!","code":"123456"}`), http.StatusBadRequest, "")
		golden("step_up", prove(`{"password":"UserPass123!"}`), http.StatusOK, "")
		if a := open(); a.status != http.StatusOK {
			t.Errorf("after the step-up: %d %s", a.status, a.body)
		}
		keys.give(t, s.replica, bob, true)
		factor := `Bearer error="insufficient_user_authentication", max_age=300, acr_values="mfa"`
		golden("step_up_factor_required", open(), http.StatusUnauthorized, factor)
		golden("step_up_not_enough", prove(`{"password":"UserPass123!"}`), http.StatusUnauthorized, factor)
		golden("step_up_passkey", prove(`{"assertion":{"id":"key"}}`), http.StatusOK, "")
		if a := open(); a.status != http.StatusOK {
			t.Errorf("after the passkey: %d %s", a.status, a.body)
		}
		// By cookie it is for pages of this origin alone.
		cookie := "__Host-authy2_session=" + strings.TrimPrefix(auth[1], "Bearer ")
		for origin, want := range map[string]int{"https://auth.example.com": http.StatusOK, "https://evil.example": http.StatusForbidden} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/auth/step-up", strings.NewReader(`{"code":"123456"}`))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Cookie", cookie)
			req.Header.Set("Origin", origin)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, req)
			if w.Code != want {
				t.Errorf("by cookie from %s: %d %s", origin, w.Code, w.Body)
			}
		}
	})
}
