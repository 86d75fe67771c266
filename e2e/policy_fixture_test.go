package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const (
	ownCompliance = "/api/v1/users/me/mfa-compliance"
	// enforce is the job that suspends and reminds.
	enforce = "enforce_mfa_policies"

	reminderMail   = "identity.mfa_policy_reminder"
	suspensionMail = "identity.mfa_policy_suspended"

	// soon is how long members wait at most until they are judged by another policy, on a
	// busy machine.
	soon = 30 * time.Second
)

// setPolicy is the request that replaces what an organization asks.
func setPolicy(token string, o harness.Organization, mode string, grace int) harness.Call {
	return harness.Call{Method: http.MethodPut, Path: o.Path("security-policy"), Token: token, Body: map[string]any{
		"mfa_policy_mode": mode, "mfa_grace_period_days": grace,
	}}
}

// override is the request that decides about one member.
func override(token string, o harness.Organization, userID, mode string, force ...string) harness.Call {
	body := map[string]any{"mfa_override_mode": mode}
	for _, name := range force {
		body["force_"+name] = true
	}
	return harness.Call{Method: http.MethodPatch, Path: o.Path("users", userID, "security-policy"), Token: token, Body: body}
}

// remind is the request that mails a member.
func remind(token string, o harness.Organization, userID string) harness.Call {
	return harness.Call{Method: http.MethodPost, Path: o.Path("members", userID, "send-mfa-reminder"), Token: token}
}

// fullAccess is a request that a session gets through with which is not limited.
func fullAccess(token string) harness.Call {
	return harness.Call{Path: "/api/v1/users/me/organizations", Token: token}
}

// standing is how a user stands to what is asked of them.
type standing struct {
	Overall  string
	Missing  []string
	Deadline string
	Orgs     []map[string]any
}

// org is how they stand to one organization.
func (st standing) org(o harness.Organization) map[string]any {
	for _, one := range st.Orgs {
		if one["organization_id"] == o.ID {
			return one
		}
	}
	return nil
}

// readStanding reads it from an answer below data.mfa_compliance.
func readStanding(t testing.TB, a *harness.Answer) standing {
	t.Helper()
	st := standing{
		Overall: a.Text("data", "mfa_compliance", "overall_status"), Deadline: a.Text("data", "mfa_compliance", "deadline_at"),
		Orgs: a.List(t, "data", "mfa_compliance", "orgs"),
	}
	missing, _ := a.Value("data", "mfa_compliance", "missing_methods").([]any)
	for _, m := range missing {
		st.Missing = append(st.Missing, m.(string))
	}
	return st
}

func standingOf(t testing.TB, s *harness.Server, token string) standing {
	t.Helper()
	return readStanding(t, s.Do(t, harness.Call{Path: ownCompliance, Token: token}).Want(t, http.StatusOK))
}

// awaitStanding waits until a user stands like that to an organization.
func awaitStanding(t testing.TB, s *harness.Server, token string, o harness.Organization, status string) standing {
	t.Helper()
	var st standing
	last := ""
	defer func() {
		if t.Failed() {
			t.Logf("the status is %s", last)
		}
	}()
	harness.Eventually(t, soon, "the member is "+status, func() bool {
		st = standingOf(t, s, token)
		last = textOf(st.org(o), "status")
		return last == status
	})
	return st
}

// limited reports whether a session may do nothing but enroll, and fails the test for any
// other refusal.
func limited(t testing.TB, s *harness.Server, token string) bool {
	t.Helper()
	a := s.Do(t, fullAccess(token))
	if a.Status == http.StatusOK {
		return false
	}
	a.WantError(t, http.StatusForbidden, "MFA_COMPLIANCE_REQUIRED")
	return true
}

// overdue reports whether a status is that of somebody whose time is over: the job may have
// come by at any moment.
func overdue(status string) bool { return status == "past_due" || status == "suspended" }

// staysOpen fails the test when something is refused that a limited session may do.
func staysOpen(t testing.TB, s *harness.Server, token string, o harness.Organization) {
	t.Helper()
	for _, path := range []string{
		"/api/v1/auth/me", "/api/v1/auth/sessions", "/api/v1/users/me", ownCompliance, totpPath + "status", harness.WebAuthnPath + "/credentials",
		o.Path("security-policy"),
	} {
		s.Do(t, harness.Call{Path: path, Token: token}).Want(t, http.StatusOK)
	}
}

// tenant is an organization whose owner does whatever it asks.
type tenant struct {
	harness.Organization

	owner harness.User
}

// newTenant founds one.
func newTenant(t testing.TB, s *harness.Server) tenant {
	t.Helper()
	owner := s.Register(t)
	enrollApp(t, s, owner.Token)
	s.AddPasskey(t, owner.Token)
	return tenant{s.Found(t, owner.Token), owner}
}

// ask replaces the policy.
func (o tenant) ask(t testing.TB, s *harness.Server, mode string, grace int) {
	t.Helper()
	s.Do(t, setPolicy(o.owner.Token, o.Organization, mode, grace)).Want(t, http.StatusOK)
}

// join makes a new user a member.
func (o tenant) join(t testing.TB, s *harness.Server) harness.User {
	t.Helper()
	u := s.Register(t)
	s.AddMember(t, o.owner.Token, o.Organization, u, "member")
	return u
}

// row is how the tenant's owner sees a member; nil when they are in no row of the status.
func (o tenant) row(t testing.TB, s *harness.Server, userID, status string) map[string]any {
	t.Helper()
	path := o.Path("mfa-compliance")
	if status != "" {
		path += "?status=" + status
	}
	rows := s.Do(t, harness.Call{Path: path, Token: o.owner.Token}).Want(t, http.StatusOK).List(t, "data", "compliance")
	if i := slices.IndexFunc(rows, func(r map[string]any) bool { return r["user_id"] == userID }); i >= 0 {
		return rows[i]
	}
	return nil
}

// shift moves what was begun for a member so far into the past, or with a negative d the
// future, as if that time had passed. Sessions that are remembered do not see it.
func shift(t testing.TB, sys *harness.System, o harness.Organization, userID string, d time.Duration) {
	t.Helper()
	where := " FROM identity_mfa_members WHERE organization_id = '" + o.ID + "' AND user_id = '" + userID + "'"
	moved := func(column string) string {
		at := readTime(t, sys.One(t, "SELECT "+column+where))
		return "'" + at.Add(-d).UTC().Format("2006-01-02 15:04:05.000000+00:00") + "'"
	}
	applied, deadline := moved("applied_at"), moved("deadline_at")
	// Whoever changes a member's row holds the user first.
	sys.Exec(t,
		"UPDATE identity_users SET restricted_from = "+deadline+" WHERE id = '"+userID+"'",
		"UPDATE identity_mfa_members SET applied_at = "+applied+", deadline_at = "+deadline+
			" WHERE organization_id = '"+o.ID+"' AND user_id = '"+userID+"'",
	)
}

// readTime reads a time as the harness shows values of either database.
func readTime(t testing.TB, text string) time.Time {
	t.Helper()
	if parts := strings.Fields(text); len(parts) > 2 { // as Go prints one
		text = parts[0] + " " + parts[1] + parts[2]
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999-0700"} {
		if at, err := time.Parse(form, text); err == nil {
			return at
		}
	}
	t.Fatalf("%q is no time", text)
	return time.Time{}
}

// runEnforce runs the job as an operator does and returns what it says.
func runEnforce(t testing.TB, sys *harness.System) string {
	t.Helper()
	out, code := sys.CLI(t, nil, "jobs", "run", enforce)
	if code != 0 || !strings.Contains(out, enforce) {
		t.Fatalf("jobs run %s: %d %s", enforce, code, out)
	}
	return out
}

// reminderIsDue has the victim of the matrix miss a factor that nobody has reminded them of.
func reminderIsDue(t *testing.T, m *matrix, at target) {
	m.s.Do(t, override(m.inside["owner"].Token, at.org, at.user, "required")).Want(t, http.StatusOK)
	m.sys.Exec(t, `UPDATE identity_mfa_members SET last_notified_at = NULL WHERE organization_id = '`+at.org.ID+`'`)
}
