package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// where the rules of policies are tried: on either database.
func policyKinds() harness.Options {
	return harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Pair}}
}

// The bounds of a policy, its version and its entity tag.
func TestPolicyDocument(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s := sys.First()
		o := newTenant(t, s)
		u := o.join(t, s)
		read := func(token string) *harness.Answer {
			t.Helper()
			return s.Do(t, harness.Call{Path: o.Path("security-policy"), Token: token}).Want(t, http.StatusOK)
		}
		expect := func(what string, a *harness.Answer, mode string, grace, notify, version float64) {
			t.Helper()
			p, _ := a.Value("data", "security_policy").(map[string]any)
			if p["organization_id"] != o.ID || p["mfa_policy_mode"] != mode || p["mfa_grace_period_days"] != grace || p["notify_days_before"] != notify || p["policy_version"] != version {
				t.Errorf("%s: %v", what, p)
			}
			if a.Header.Get("Etag") == "" {
				t.Errorf("%s: no entity tag", what)
			}
		}
		put := func(body map[string]any, match string) *harness.Answer {
			t.Helper()
			c := harness.Call{Method: http.MethodPut, Path: o.Path("security-policy"), Token: o.owner.Token, Body: body}
			if match != "" {
				c.Header = map[string]string{"If-Match": match}
			}
			return s.Do(t, c)
		}
		first := read(u.Token)
		expect("nothing set", first, "optional", 14, 7, 0)
		second := put(map[string]any{"mfa_policy_mode": "require_webauthn", "mfa_grace_period_days": 365, "notify_days_before": 30}, first.Header.Get("Etag")).Want(t, http.StatusOK)
		expect("set", second, "require_webauthn", 365, 30, 1)
		expect("the same again", put(map[string]any{"mfa_policy_mode": "require_webauthn", "mfa_grace_period_days": 365, "notify_days_before": 30}, "").Want(t, http.StatusOK), "require_webauthn", 365, 30, 1)
		expect("read", read(u.Token), "require_webauthn", 365, 30, 1)
		put(map[string]any{"mfa_policy_mode": "optional"}, first.Header.Get("Etag")).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
		expect("what is absent is not kept", put(map[string]any{}, second.Header.Get("Etag")).Want(t, http.StatusOK), "optional", 14, 7, 2)
		for name, body := range map[string]map[string]any{
			"mfa_policy_mode":       {"mfa_policy_mode": "require_everything"},
			"mfa_grace_period_days": {"mfa_grace_period_days": 366},
			"notify_days_before":    {"notify_days_before": 31},
			"grace":                 {"grace": 1},
		} {
			a := put(body, "").WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
			if a.Value("error", "details", name) == nil {
				t.Errorf("%s is not named: %s", name, a.Body)
			}
		}
		for _, body := range []map[string]any{
			{"mfa_grace_period_days": -1}, {"notify_days_before": -1}, {"mfa_grace_period_days": "1"}, {"mfa_policy_mode": nil}, {"mfa_grace_period_days": 1.5},
		} {
			put(body, "").WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		}
		expect("after bad ones", read(u.Token), "optional", 14, 7, 2)
		s.Do(t, setPolicy(u.Token, o.Organization, "disabled", 0)).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
		if n := sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'mfa.policy.update' AND success`); n != "2" {
			t.Errorf("%s rows in the trail, want one for each change", n)
		}
	})
}

// One of two factors is enough where either is asked for; each is asked for alone.
func TestPolicyModes(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		none, withApp, withKey := o.join(t, s), o.join(t, s), o.join(t, s)
		a := enrollApp(t, s, withApp.Token)
		p := s.AddPasskey(t, withKey.Token)
		for _, mode := range []struct {
			name              string
			app, key, neither []string
		}{
			{"require_totp_or_webauthn", nil, nil, []string{"totp", "webauthn"}},
			{"require_totp", nil, []string{"totp"}, []string{"totp"}},
			{"require_webauthn", []string{"webauthn"}, nil, []string{"webauthn"}},
		} {
			o.ask(t, s, mode.name, 0)
			for who, missing := range map[string][]string{withApp.Token: mode.app, withKey.Token: mode.key, none.Token: mode.neither} {
				harness.Eventually(t, soon, mode.name, func() bool {
					st := standingOf(t, last, who)
					return textOf(st.org(o.Organization), "effective_mode") == mode.name && slices.Equal(st.Missing, missing) &&
						overdue(st.Overall) == (len(missing) > 0)
				})
				if got := limited(t, last, who); got != (len(missing) > 0) {
					t.Errorf("%s: %v are missing, limited is %v", mode.name, missing, got)
				}
			}
		}
		// Sign-ins that a second factor completes say the same as those that need none.
		done := last.Do(t, secondStep(t, s, withApp, a.code(t, 0), nil)).Want(t, http.StatusOK)
		if in := readStanding(t, done); !overdue(in.Overall) || !slices.Equal(in.Missing, []string{"webauthn"}) || done.Value("data", "requires_mfa_enrollment") != true {
			t.Errorf("with the wrong factor: %s", done.Body)
		}
		done = s.Do(t, s.PasskeyLogin(t, p)).Want(t, http.StatusOK)
		if in := readStanding(t, done); in.Overall != "compliant" || len(in.Missing) > 0 || textOf(in.org(o.Organization), "status") != "compliant" || done.Value("data", "requires_mfa_enrollment") != nil {
			t.Errorf("with the right factor: %s", done.Body)
		}
		o.ask(t, s, "disabled", 0)
		for _, u := range []harness.User{none, withApp, withKey} {
			if st := awaitStanding(t, last, u.Token, o.Organization, "not_applicable"); st.Overall != "compliant" || st.Deadline != "" {
				t.Errorf("disabled: %+v", st)
			}
			if limited(t, last, u.Token) {
				t.Error("a policy that is off limits")
			}
		}
	})
}

// Exemptions and demands of single members, and who may decide about whom.
func TestPolicyOverrides(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		u, admin := o.join(t, s), s.Register(t)
		s.AddMember(t, o.owner.Token, o.Organization, admin, "admin")
		o.ask(t, s, "require_totp", 0)
		harness.Eventually(t, soon, "the member is limited", func() bool { return limited(t, last, u.Token) })
		enrollApp(t, s, admin.Token)

		a := s.Do(t, override(admin.Token, o.Organization, u.ID, "exempt")).Want(t, http.StatusOK)
		if p, _ := a.Value("data", "user_security_policy").(map[string]any); p["user_id"] != u.ID || p["organization_id"] != o.ID || p["mfa_override_mode"] != "exempt" || p["force_totp"] != false {
			t.Errorf("the exemption is %v", p)
		}
		if limited(t, last, u.Token) {
			t.Error("somebody exempt is limited")
		}
		if st := standingOf(t, last, u.Token); textOf(st.org(o.Organization), "status") != "not_applicable" || st.Overall != "compliant" || st.Deadline != "" {
			t.Errorf("exempt: %+v", st)
		}
		s.Do(t, override(admin.Token, o.Organization, u.ID, "inherit")).Want(t, http.StatusOK)
		if !limited(t, last, u.Token) {
			t.Error("somebody who is not exempt any more is not limited")
		}
		o.ask(t, s, "optional", 0)
		awaitStanding(t, last, u.Token, o.Organization, "compliant")
		s.Do(t, override(admin.Token, o.Organization, u.ID, "required", "totp", "webauthn")).Want(t, http.StatusOK)
		st := standingOf(t, last, u.Token)
		if !overdue(st.Overall) || !slices.Equal(st.Missing, []string{"totp", "webauthn"}) || !limited(t, last, u.Token) {
			t.Errorf("both are asked for: %+v", st)
		}
		token := s.Login(t, u)
		s.AddPasskey(t, token)
		if st := standingOf(t, last, token); !slices.Equal(st.Missing, []string{"totp"}) || !limited(t, last, token) {
			t.Errorf("one of both is there: %+v", st)
		}
		enrollApp(t, s, token)
		if limited(t, last, token) {
			t.Error("limited with both")
		}

		s.Do(t, override(admin.Token, o.Organization, o.owner.ID, "exempt")).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
		s.Do(t, override(o.owner.Token, o.Organization, unknownID, "exempt")).WantError(t, http.StatusNotFound, "NOT_FOUND")
		bad := s.Do(t, override(o.owner.Token, o.Organization, u.ID, "forbidden")).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		if bad.Value("error", "details", "mfa_override_mode") == nil {
			t.Errorf("the field is not named: %s", bad.Body)
		}
		none := override(o.owner.Token, o.Organization, u.ID, "exempt")
		none.Body = map[string]any{"force_totp": true}
		s.Do(t, none).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	})
}

// Of two organizations the one that asks more, and sooner, rules; leaving it is freedom.
func TestPoliciesOfTwoOrganizations(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		a, b := newTenant(t, s), newTenant(t, s)
		a.ask(t, s, "require_totp", 10)
		b.ask(t, s, "require_webauthn", 0)
		u := a.join(t, s)
		if limited(t, last, u.Token) {
			t.Error("limited in grace")
		}
		join := func() {
			t.Helper()
			s.AddMember(t, b.owner.Token, b.Organization, u, "member")
			if !limited(t, last, u.Token) {
				t.Error("who joins an organization that gives no time is not limited")
			}
		}
		join()
		st := standingOf(t, last, u.Token)
		one, other := st.org(a.Organization), st.org(b.Organization)
		if !overdue(st.Overall) || !slices.Equal(st.Missing, []string{"totp", "webauthn"}) || one["status"] != "in_grace" || !overdue(textOf(other, "status")) || st.Deadline != other["deadline_at"] || len(st.Orgs) != 2 {
			t.Errorf("of two: %+v", st)
		}
		free := func(what string, call harness.Call) {
			t.Helper()
			s.Do(t, call).Want(t, http.StatusOK)
			if st := standingOf(t, last, u.Token); limited(t, last, u.Token) || len(st.Orgs) != 1 || st.Overall != "in_grace" || st.Deadline != one["deadline_at"] {
				t.Errorf("%s: %+v", what, st)
			}
		}
		free("left", harness.RemoveMember(u.Token, b.Organization, u.ID))
		join()
		free("removed", harness.RemoveMember(b.owner.Token, b.Organization, u.ID))
		join()
		runEnforce(t, sys)
		s.Do(t, harness.Call{Method: http.MethodDelete, Path: b.Path(), Token: b.owner.Token}).Want(t, http.StatusOK)
		harness.Eventually(t, soon, "the member is free", func() bool { return !limited(t, last, u.Token) })
		me := last.Do(t, harness.Call{Path: "/api/v1/users/me", Token: u.Token}).Want(t, http.StatusOK)
		if st := standingOf(t, last, u.Token); len(st.Orgs) != 1 || me.Text("data", "user", "status") != "active" {
			t.Errorf("deleted: %+v %s", st, me.Body)
		}
	})
}

// The list of members by status, in pages.
func TestPolicyList(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s := sys.First()
		o := newTenant(t, s)
		o.ask(t, s, "require_totp", 5)
		var members []string
		for range 4 {
			members = append(members, o.join(t, s).ID)
		}
		awaitStanding(t, s, o.owner.Token, o.Organization, "compliant")
		list := func(query string) *harness.Answer {
			t.Helper()
			return s.Do(t, harness.Call{Path: o.Path("mfa-compliance") + query, Token: o.owner.Token})
		}
		ids := func(a *harness.Answer) (all []string) {
			t.Helper()
			rows := a.Want(t, http.StatusOK).List(t, "data", "compliance")
			if a.Value("data", "count") != float64(len(rows)) {
				t.Errorf("the count is %v of %d", a.Value("data", "count"), len(rows))
			}
			for _, r := range rows {
				all = append(all, textOf(r, "user_id"))
			}
			return all
		}
		whole := list("")
		if got := ids(whole); len(got) != 5 || whole.Value("data", "limit") != 100.0 || whole.Value("data", "offset") != 0.0 {
			t.Errorf("the list is %s", whole.Body)
		}
		slices.Reverse(members)
		if got := ids(list("?status=in_grace")); !slices.Equal(got, members) {
			t.Errorf("in grace, newest first: %v, want %v", got, members)
		}
		if got := ids(list("?status=compliant")); !slices.Equal(got, []string{o.owner.ID}) {
			t.Errorf("compliant: %v", got)
		}
		for i := range members {
			if got := ids(list(fmt.Sprintf("?status=in_grace&limit=1&offset=%d", i))); !slices.Equal(got, members[i:i+1]) {
				t.Errorf("page %d: %v", i, got)
			}
		}
		if got := ids(list("?status=suspended")); len(got) != 0 {
			t.Errorf("suspended: %v", got)
		}
		for _, query := range []string{"status=late", "limit=0", "limit=101", "limit=x", "offset=-1", "offset=x", "limit="} {
			a := list("?"+query).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
			if name, _, _ := strings.Cut(query, "="); a.Value("error", "details", name) == nil {
				t.Errorf("%s: the field is not named: %s", query, a.Body)
			}
		}
	})
}
