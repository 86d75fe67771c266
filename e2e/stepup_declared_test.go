package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/contract"
	"github.com/authy2/backend/e2e/harness"
)

// prover is somebody whose session became old, and how they prove again who they are.
type prover struct {
	harness.User

	call harness.Call
	// cookie is the session as a browser sends it.
	cookie string
	// wrong are proofs that do not lift anything, with what they are answered.
	wrong map[string]map[string]any
	// right makes a proof that does.
	right func() map[string]any
	// factor says that they have a second factor.
	factor bool
}

// provers are the kinds of users, by what they prove with.
var provers = map[string]func(t *testing.T, s *harness.Server) *prover{
	"password": func(t *testing.T, s *harness.Server) *prover {
		t.Helper()
		p := &prover{User: s.Register(t)}
		p.right = func() map[string]any { return map[string]any{"password": p.Password} }
		p.wrong = map[string]map[string]any{"AUTHENTICATION_ERROR": {"password": "Wrong-password-1"}, "STEP_UP_REQUIRED": {"code": "123456"}}
		return p
	},
	"code": func(t *testing.T, s *harness.Server) *prover {
		t.Helper()
		p := &prover{User: s.Register(t), factor: true}
		a := enrollApp(t, s, p.Token)
		in := s.Do(t, secondStep(t, s, p.User, a.codes[0], map[string]any{"is_backup_code": true})).Want(t, http.StatusOK)
		p.Token = in.Text("data", "token")
		used := 0
		p.right = func() map[string]any {
			used++
			return map[string]any{"code": a.codes[used]}
		}
		p.wrong = map[string]map[string]any{"AUTHENTICATION_ERROR": {"code": a.codes[0]}, "STEP_UP_REQUIRED": {"password": p.Password}}
		return p
	},
	"passkey": func(t *testing.T, s *harness.Server) *prover {
		t.Helper()
		p, other := &prover{User: s.Register(t), factor: true}, s.Register(t)
		s.AddPasskey(t, p.Token)
		key, theirs := s.AddPasskey(t, p.Token), s.AddPasskey(t, other.Token)
		p.Token = s.Do(t, s.PasskeyLogin(t, key)).Want(t, http.StatusOK).Text("data", "token")
		p.right = func() map[string]any { return map[string]any{"assertion": s.PasskeyLogin(t, key).Body} }
		p.wrong = map[string]map[string]any{"AUTHENTICATION_ERROR": {"assertion": s.PasskeyLogin(t, theirs).Body}, "STEP_UP_REQUIRED": {"password": p.Password}}
		return p
	},
}

// guarded makes the requests that ask for a recent proof; nil for users who cannot make them.
var guarded = map[string]func(t *testing.T, sys *harness.System, kind string, p *prover) *harness.Call{
	"DELETE /api/v1/users/me": func(_ *testing.T, _ *harness.System, _ string, p *prover) *harness.Call {
		call := deleteMe(p.User)
		return &call
	},
	"GET /api/v1/users/me/export": func(_ *testing.T, _ *harness.System, _ string, p *prover) *harness.Call {
		return &harness.Call{Path: "/api/v1/users/me/export", Token: p.Token}
	},
	"POST /api/v1/users/me/email": func(_ *testing.T, sys *harness.System, _ string, p *prover) *harness.Call {
		call := changeEmail(p.User, sys.NewUser().Email)
		return &call
	},
	"GET /api/v1/users/me/audit-logs": func(_ *testing.T, _ *harness.System, _ string, p *prover) *harness.Call {
		return &harness.Call{Path: myTrail, Token: p.Token, Header: map[string]string{"Accept": "text/csv"}}
	},
	"GET /api/v1/organizations/{}/audit-logs": func(t *testing.T, sys *harness.System, _ string, p *prover) *harness.Call {
		o := sys.First().Found(t, p.Token)
		return &harness.Call{Path: o.Path("audit-logs"), Token: p.Token, Header: map[string]string{"Accept": "application/json;q=0.1, text/csv"}}
	},
	"POST /api/v1/organizations/{}/transfer-ownership": func(t *testing.T, sys *harness.System, _ string, p *prover) *harness.Call {
		o, heir := sys.First().Found(t, p.Token), sys.First().Register(t)
		sys.First().AddMember(t, p.Token, o, heir, "member")
		call := harness.Transfer(p.Token, o, heir.ID)
		return &call
	},
	"DELETE /api/v1/auth/webauthn/credentials/{}": func(t *testing.T, sys *harness.System, kind string, p *prover) *harness.Call {
		if kind == "password" {
			return nil
		}
		call := passkeyCall(http.MethodDelete, p.Token, sys.First().AddPasskey(t, p.Token).ID, nil)
		return &call
	},
	// A new factor could prove who one is in the next request.
	"POST /api/v1/auth/totp/enroll": func(_ *testing.T, _ *harness.System, kind string, p *prover) *harness.Call {
		if kind == "code" {
			return nil
		}
		return &harness.Call{Method: http.MethodPost, Path: totpPath + "enroll", Token: p.Token}
	},
	"POST /api/v1/auth/webauthn/register/begin": func(_ *testing.T, _ *harness.System, _ string, p *prover) *harness.Call {
		return &harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/webauthn/register/begin", Token: p.Token}
	},
	"DELETE /api/v1/auth/totp/disable":               totpChange(http.MethodDelete, "disable"),
	"POST /api/v1/auth/totp/regenerate-backup-codes": totpChange(http.MethodPost, "regenerate-backup-codes"),
}

func totpChange(method, path string) func(*testing.T, *harness.System, string, *prover) *harness.Call {
	return func(_ *testing.T, _ *harness.System, kind string, p *prover) *harness.Call {
		if kind != "code" {
			return nil
		}
		return &harness.Call{Method: method, Path: totpPath + path, Token: p.Token, Body: map[string]any{"password": p.Password}}
	}
}

// owners are requests that make an owner, which comes to a transfer of the organization:
// their operations ask for a recent proof when they do that, and not otherwise.
var owners = map[string]func(o harness.Organization, p *prover, member, other harness.User) harness.Call{
	"adding an owner": func(o harness.Organization, p *prover, _, other harness.User) harness.Call {
		return harness.AddMember(p.Token, o, other.Email, "owner")
	},
	"making a member an owner": func(o harness.Organization, p *prover, member, _ harness.User) harness.Call {
		return harness.ChangeRole(p.Token, o, member.ID, "owner")
	},
	"inviting an owner": func(o harness.Organization, p *prover, _, other harness.User) harness.Call {
		return harness.Invite(p.Token, o, other.Email, "owner")
	},
}

// declared are the operations that say in the document that they ask for a recent proof.
func declared(t *testing.T, sys *harness.System) (all []*contract.Operation) {
	t.Helper()
	for _, o := range sys.First().Document(t).Operations {
		if o.StepUp == "" {
			continue
		}
		if guarded[routeOf(o)] == nil {
			t.Errorf("%s asks for a recent proof, and nobody tries it", routeOf(o))
			continue
		}
		all = append(all, o)
	}
	if len(all) < 7 {
		t.Errorf("%d operations ask for a recent proof", len(all))
	}
	return all
}

// Whatever declares that it asks for a recent proof keeps old sessions out, on every way in
// and on every process, until they proved what their user can prove.
func TestStepUpIsAskedWhereItIsDeclared(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{
		"STEP_UP_MAX_AGE": "4", "WEBAUTHN_RP_ID": "example.com", "WEBAUTHN_ORIGINS": "https://app.example.com",
	}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		type attempt struct {
			name   string
			demand string
			p      *prover
		}
		var attempts []attempt
		for _, o := range declared(t, sys) {
			for kind, prove := range provers {
				p := prove(t, sys.First())
				call := guarded[routeOf(o)](t, sys, kind, p)
				if call == nil {
					continue
				}
				p.call, p.cookie = *call, "authy2_session="+p.Token
				attempts = append(attempts, attempt{routeOf(o) + " by " + kind, o.StepUp, p})
			}
		}
		for what, request := range owners {
			for kind, prove := range provers {
				p, member, other := prove(t, sys.First()), sys.First().Register(t), sys.First().Register(t)
				o := sys.First().Found(t, p.Token)
				sys.First().AddMember(t, p.Token, o, member, "admin")
				p.call, p.cookie = request(o, p, member, other), "authy2_session="+p.Token
				attempts = append(attempts, attempt{what + " by " + kind, "recent", p})
			}
		}
		// Every process follows the clock of the database by its own measure: a second lies
		// between the youngest session that is tried and the oldest that is let in.
		made := time.Now()
		for _, a := range attempts {
			harness.Eventually(t, 15*time.Second, "the session is old", func() bool {
				b, err := sys.Last().Try(t.Context(), harness.Call{Path: "/api/v1/users/me/export", Token: a.p.Token})
				return err == nil && b.Status == http.StatusUnauthorized && time.Since(made) > 5*time.Second
			})
			if a.demand != "recent-or-password" || a.p.factor {
				keptOut(t, sys, a.name, a.p)
			}
			letIn(t, sys, a.name, a.demand, a.p)
		}
	})
}

// keptOut tries every way into an operation with an old session.
func keptOut(t *testing.T, sys *harness.System, name string, p *prover) {
	t.Helper()
	challenge := `Bearer error="insufficient_user_authentication", max_age=4`
	if p.factor {
		challenge += `, acr_values="mfa"`
	}
	with := func(change func(c *harness.Call)) harness.Call {
		c := p.call
		c.Header = map[string]string{}
		for k, v := range p.call.Header {
			c.Header[k] = v
		}
		change(&c)
		return c
	}
	ways := map[string]harness.Call{
		"bearer": p.call,
		"cookie": with(func(c *harness.Call) {
			c.Token, c.Header["Cookie"], c.Header["Sec-Fetch-Site"] = "", p.cookie, "same-origin"
		}),
		"key": with(func(c *harness.Call) { c.Header["Idempotency-Key"] = harness.Unique("step-up-") }),
	}
	if p.call.Body == nil && p.call.Method == "" {
		ways["HEAD"] = with(func(c *harness.Call) { c.Method = http.MethodHead })
		delete(ways, "key")
	}
	for way, call := range ways {
		for _, s := range sys.Servers {
			a := s.Do(t, call)
			if a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%s, %s: %d, WWW-Authenticate %q: %s", name, way, a.Status, a.Header.Get("WWW-Authenticate"), a.Body)
			}
			if way != "HEAD" && (a.Text("error", "type") != "STEP_UP_REQUIRED" || a.Value("error", "details", "max_age") != 4.0) {
				t.Errorf("%s, %s: %s", name, way, a.Body)
			}
		}
	}
	for way, path := range map[string]string{
		"slash": p.call.Path + "/", "slashes": strings.Replace(p.call.Path, "/v1/", "/v1//", 1), "dots": strings.Replace(p.call.Path, "/v1/", "/v1/./", 1),
		"case": strings.Replace(p.call.Path, "/v1/", "/V1/", 1), "query": p.call.Path + "?max_age=100000",
	} {
		a, err := sys.First().Try(t.Context(), with(func(c *harness.Call) { c.Path = path }))
		if err != nil || a.Status < 300 {
			t.Errorf("%s, %s: %v", name, way, a)
		}
	}
}

// letIn proves what the user can prove, after what does not do, and makes the request.
func letIn(t *testing.T, sys *harness.System, name, demand string, p *prover) {
	t.Helper()
	if demand == "recent-or-password" && !p.factor {
		wrong := p.User
		wrong.Password = "Wrong-password-1"
		call := p.call
		call.Body = map[string]any{"email": sys.NewUser().Email, "current_password": wrong.Password}
		if call.Method == http.MethodDelete {
			call = deleteMe(wrong)
		}
		sys.First().Do(t, call).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		if a := sys.Last().Do(t, p.call); a.Status >= 300 { // the right one is proof enough
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		return
	}
	for kind, proof := range p.wrong {
		a := sys.Last().Do(t, stepUpBy(p.Token, proof))
		if a.Status != http.StatusUnauthorized || a.Text("error", "type") != kind {
			t.Errorf("%s: a proof that does not do is answered %d %s, want %s", name, a.Status, a.Body, kind)
		}
		sys.First().Do(t, p.call).WantError(t, http.StatusUnauthorized, "STEP_UP_REQUIRED")
	}
	// The proof may be old again before a slow machine comes to the request.
	var last *harness.Answer
	for range 3 {
		done := sys.First().Do(t, stepUpBy(p.Token, p.right())).Want(t, http.StatusOK)
		if age := time.Since(done.Time(t, "data", "authenticated_at")); age < 0 || age > 20*time.Second {
			t.Errorf("%s: the proof is %s old", name, age)
		}
		if last = sys.Last().Do(t, p.call); last.Text("error", "type") != "STEP_UP_REQUIRED" {
			break
		}
	}
	if last.Status >= 300 {
		t.Errorf("%s: after the proof %s", name, fmt.Sprint(last.Status, " ", string(last.Body)))
	}
}
