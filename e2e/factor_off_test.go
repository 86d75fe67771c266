package e2e_test

import (
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/contract"
	"github.com/authy2/backend/e2e/harness"
)

// ofFactors are words in what second factors, and what organizations ask of them, bring.
var ofFactors = regexp.MustCompile(`(?i)totp|webauthn|passkey|device|mfa|second.?factor|challenge|recovery_code|backup.code|security-policy|identity_policies`)

// footprint is what can be seen of a deployment from outside.
type footprint struct {
	routes map[string]*contract.Operation
	tables []string
	jobs   []string
}

func footprintOf(t *testing.T, sys *harness.System) footprint {
	t.Helper()
	f := footprint{routes: map[string]*contract.Operation{}, tables: sys.Tables(t)}
	for _, o := range sys.First().Document(t).Operations {
		f.routes[routeOf(o)] = o
	}
	jobs, code := sys.CLI(t, nil, "jobs", "list")
	if code != 0 {
		t.Fatalf("jobs list: %d\n%s", code, jobs)
	}
	for line := range strings.Lines(jobs) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.Contains(name, "_") {
			f.jobs = append(f.jobs, name)
		}
	}
	return f
}

// only are the elements of all that others lack.
func only(all, others []string) []string {
	return slices.DeleteFunc(slices.Sorted(slices.Values(all)), func(one string) bool { return slices.Contains(others, one) })
}

// Off means absent: no route, no operation, no job and no table of second factors, and a
// log-in is answered as if there were none. Everything else is as before.
func TestWithoutSecondFactors(t *testing.T) {
	t.Parallel()
	options := func(on string) harness.Options {
		return harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Env: map[string]string{"MODULES_IDENTITY_MFA_ENABLED": on}}
	}
	harness.Each(t, options("false"), func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		off, on := footprintOf(t, sys), footprintOf(t, harness.Start(t, sys.Kind, options("true")))
		with, without := slices.Collect(maps.Keys(on.routes)), slices.Collect(maps.Keys(off.routes))
		gone := only(with, without)
		if more := only(without, with); len(more) > 0 || len(gone) < 14 {
			t.Errorf("without second factors there are %v and not %v", more, gone)
		}
		for _, route := range gone {
			o := on.routes[route]
			if !ofFactors.MatchString(route) {
				t.Errorf("%s is gone with second factors", route)
			}
			call := harness.Call{Method: o.Method, Path: pathParameter.ReplaceAllString(o.Path, unknownID), Token: u.Token}
			if o.Body != nil {
				call.Body = o.Example
			}
			s.Do(t, call).WantError(t, http.StatusNotFound, "NOT_FOUND")
			call.Token = ""
			s.Do(t, call).WantError(t, http.StatusNotFound, "NOT_FOUND")
		}
		for _, one := range slices.Concat(without, off.tables, off.jobs) {
			if ofFactors.MatchString(one) {
				t.Errorf("%s is there without second factors", one)
			}
		}
		for _, one := range slices.Concat(only(on.jobs, off.jobs), only(on.tables, off.tables)) {
			if !ofFactors.MatchString(one) {
				t.Errorf("%s is gone with second factors", one)
			}
		}
		if len(only(on.jobs, off.jobs)) == 0 || len(only(on.tables, off.tables)) < 5 {
			t.Errorf("second factors have the jobs %v and the tables %v", only(on.jobs, off.jobs), only(on.tables, off.tables))
		}
		s.Found(t, u.Token)
		in := s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
		data, _ := in.Value("data").(map[string]any)
		if names := slices.Sorted(maps.Keys(data)); !slices.Equal(names, []string{"expires_at", "mfa_compliance", "token", "user"}) {
			t.Errorf("a log-in answers %v", names)
		}
		// It is always there, and says that nobody asks for anything.
		none := map[string]any{"overall_status": "compliant", "missing_methods": []any{}, "deadline_at": nil, "orgs": []any{}}
		if !reflect.DeepEqual(data["mfa_compliance"], none) {
			t.Errorf("a log-in answers mfa_compliance %v", data["mfa_compliance"])
		}
		if cookies := in.Header.Values("Set-Cookie"); len(cookies) != 1 || cookieOf(in) == nil {
			t.Errorf("a log-in sets %v", cookies)
		}
		// The password is what there is to prove again.
		s.Do(t, stepUpBy(u.Token, map[string]any{"code": "123456"})).WantError(t, http.StatusUnauthorized, "STEP_UP_REQUIRED")
		s.Do(t, stepUp(u.Token, u.Password)).Want(t, http.StatusOK)
		s.Do(t, harness.Call{Path: "/api/v1/users/me/export", Token: u.Token}).Want(t, http.StatusOK)
		s.Do(t, changePassword(u, u.Password, sys.NewUser().Password)).Want(t, http.StatusOK)
	})
}

// Second factors can be switched on later. Off again nobody is asked; what was set up stays
// and is asked for when they are on once more.
func TestSecondFactorsSwitchedOn(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Embedded, harness.Single} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sys := harness.Start(t, kind, harness.Options{Env: map[string]string{"MODULES_IDENTITY_MFA_ENABLED": "false"}})
			u := sys.First().Register(t)
			turn := func(on string) *harness.Server {
				t.Helper()
				sys.Last().Terminate(t)
				sys.Options.Env["MODULES_IDENTITY_MFA_ENABLED"] = on
				return sys.Add(t)
			}
			s := turn("true")
			a := enrollApp(t, s, u.Token)
			p := s.AddPasskey(t, u.Token)
			asked(t, s, u)
			s = turn("false")
			s.Login(t, u)
			s.Do(t, totpStatus(u.Token)).WantError(t, http.StatusNotFound, "NOT_FOUND")
			s = turn("true")
			s.Do(t, guess(asked(t, s, u), a.codes[0])).Want(t, http.StatusOK)
			if list := s.Do(t, harness.Call{Path: harness.WebAuthnPath + "/credentials", Token: u.Token}).Want(t, http.StatusOK); !strings.Contains(string(list.Body), p.ID) {
				t.Errorf("the passkeys are %s", list.Body)
			}
		})
	}
}
