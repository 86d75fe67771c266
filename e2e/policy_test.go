package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// What an organization asks, from nothing to everything and back: members have time for it,
// are limited once it is over, on every replica, and are free as soon as they do it or it is
// not asked any more.
func TestPolicyLife(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		u, idle := o.join(t, s), o.join(t, s)

		// Nothing was ever set.
		st := standingOf(t, last, u.Token)
		if one := st.org(o.Organization); st.Overall != "compliant" || one["status"] != "not_applicable" || one["effective_mode"] != "disabled" || st.Deadline != "" {
			t.Errorf("without a policy: %+v", st)
		}
		a := s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
		if in := readStanding(t, a); in.Overall != "compliant" || textOf(in.org(o.Organization), "organization_name") != o.Name || a.Value("data", "requires_mfa_enrollment") != nil {
			t.Errorf("a log-in without a policy: %s", a.Body)
		}
		// It is left to the members.
		o.ask(t, s, "optional", 14)
		awaitStanding(t, last, u.Token, o.Organization, "compliant")
		if limited(t, last, u.Token) {
			t.Error("an optional factor limits")
		}

		// It is asked, with time for it.
		o.ask(t, s, "require_totp", 14)
		st = awaitStanding(t, last, u.Token, o.Organization, "in_grace")
		deadline := readTime(t, st.Deadline)
		if left := time.Until(deadline); st.Overall != "in_grace" || !slices.Equal(st.Missing, []string{"totp"}) || left > 14*24*time.Hour || left < 14*24*time.Hour-time.Minute {
			t.Errorf("in grace: %+v", st)
		}
		a = s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
		if in := readStanding(t, a); in.Overall != "in_grace" || in.Deadline != st.Deadline || a.Value("data", "requires_mfa_enrollment") != nil || limited(t, last, a.Text("data", "token")) {
			t.Errorf("a log-in in grace: %s", a.Body)
		}
		// Less time moves the deadline that runs, more time moves it back.
		o.ask(t, s, "require_totp", 3)
		harness.Eventually(t, soon, "the deadline follows the policy", func() bool {
			d := standingOf(t, last, u.Token).Deadline
			return d != "" && readTime(t, d).Equal(deadline.Add(-11*24*time.Hour))
		})

		// No time at all: the sessions that there are are limited, wherever they are used.
		o.ask(t, s, "require_totp", 0)
		for _, who := range []harness.User{u, idle} {
			harness.Eventually(t, soon, "the member is limited", func() bool { return limited(t, s, who.Token) })
			if !limited(t, last, who.Token) {
				t.Error("the other process knows of no limit")
			}
			staysOpen(t, last, who.Token, o.Organization)
			if st := standingOf(t, last, who.Token); !overdue(st.Overall) {
				t.Errorf("past due: %+v", st)
			}
		}
		a = last.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
		token := a.Text("data", "token")
		if in := readStanding(t, a); !overdue(in.Overall) || a.Value("data", "requires_mfa_enrollment") != true || !limited(t, s, token) {
			t.Errorf("a log-in past due: %s", a.Body)
		}
		sessions := s.Do(t, harness.Call{Path: "/api/v1/auth/sessions", Token: token}).Want(t, http.StatusOK).List(t, "data", "sessions")
		if i := slices.IndexFunc(sessions, func(one map[string]any) bool { return one["is_current"] == true }); i < 0 || sessions[i]["is_compliance_only"] != true {
			t.Errorf("the session past due is %v", sessions)
		}

		// Whoever does it is free at once, in that session, wherever it is used.
		enrollApp(t, s, token)
		if limited(t, last, token) || limited(t, s, token) {
			t.Error("limited with the factor that was asked for")
		}
		if st := standingOf(t, last, token); st.Overall != "compliant" || len(st.Missing) > 0 || st.Deadline != "" {
			t.Errorf("with the factor: %+v", st)
		}
		if row := o.row(t, s, u.ID, "compliant"); row == nil || row["compliant_at"] == nil || row["email"] != u.Email {
			t.Errorf("the member's row is %v", row)
		}

		// What is not asked any more limits nobody.
		o.ask(t, s, "optional", 0)
		harness.Eventually(t, soon, "the other member is free", func() bool { return !limited(t, last, idle.Token) })
		if st := awaitStanding(t, last, idle.Token, o.Organization, "compliant"); st.Deadline != "" {
			t.Errorf("relaxed: %+v", st)
		}
		// What is asked anew comes with time for it.
		o.ask(t, s, "require_totp", 1)
		if st := awaitStanding(t, last, idle.Token, o.Organization, "in_grace"); time.Until(readTime(t, st.Deadline)) < 23*time.Hour {
			t.Errorf("a new demand gives no time: %+v", st)
		}
	})
}

// A deadline needs nobody to pass: a session in use is limited from that moment.
func TestDeadlinePassesByItself(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		o.ask(t, s, "require_totp_or_webauthn", 1)
		u := o.join(t, s)
		if st := awaitStanding(t, s, u.Token, o.Organization, "in_grace"); !slices.Equal(st.Missing, []string{"totp", "webauthn"}) {
			t.Errorf("in grace: %+v", st)
		}
		shift(t, sys, o.Organization, u.ID, 24*time.Hour-4*time.Second)
		token := s.Login(t, u)
		if limited(t, last, token) {
			t.Fatal("limited before the deadline")
		}
		harness.Eventually(t, 15*time.Second, "the session is limited", func() bool { return limited(t, s, token) })
		if !limited(t, last, token) {
			t.Error("the other process knows of no limit")
		}
		if o.row(t, s, u.ID, "past_due") == nil && o.row(t, s, u.ID, "suspended") == nil {
			t.Error("the member is not listed as past due")
		}
		if row := o.row(t, s, u.ID, "in_grace"); row != nil {
			t.Errorf("the member is listed as in grace: %v", row)
		}
		// A passkey satisfies it as well as an app.
		s.AddPasskey(t, token)
		if limited(t, last, token) {
			t.Error("limited with a passkey")
		}
	})
}

// The job marks who is past due, suspends the account and tells its owner, once; whoever
// does what is asked is restored.
func TestPolicySuspension(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		o.ask(t, s, "require_totp", 0)
		u := o.join(t, s)
		for range 2 {
			runEnforce(t, sys)
		}
		harness.Eventually(t, soon, "the account is suspended", func() bool {
			return last.Do(t, harness.Call{Path: "/api/v1/users/me", Token: u.Token}).Want(t, http.StatusOK).Text("data", "user", "status") == "compliance_suspended"
		})
		if row := o.row(t, s, u.ID, "suspended"); row == nil || row["suspended_at"] == nil {
			t.Errorf("the member's row is %v", row)
		}
		a := s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
		token := a.Text("data", "token")
		if in := readStanding(t, a); in.Overall != "suspended" || a.Value("data", "requires_mfa_enrollment") != true || !limited(t, last, token) {
			t.Errorf("a log-in of somebody suspended: %s", a.Body)
		}
		staysOpen(t, last, token, o.Organization)
		if n := sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'mfa.policy.user_suspended'`); n != "1" {
			t.Errorf("%s rows in the trail", n)
		}
		sys.AwaitMail(t, suspensionMail, u.Email, 1)

		enrollApp(t, s, token)
		if limited(t, last, token) || limited(t, s, token) {
			t.Error("limited after doing what was asked")
		}
		if status := last.Do(t, harness.Call{Path: "/api/v1/users/me", Token: token}).Want(t, http.StatusOK).Text("data", "user", "status"); status != "active" {
			t.Errorf("the account is %s", status)
		}
		if row := o.row(t, s, u.ID, "compliant"); row == nil || row["suspended_at"] != nil {
			t.Errorf("the member's row is %v", row)
		}
		runEnforce(t, sys)
		if n := sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'mfa.policy.user_restored'`); n != "1" {
			t.Errorf("%s rows in the trail", n)
		}
		if mails := sys.Mails(t, suspensionMail, u.Email); len(mails) != 1 {
			t.Errorf("%d mails", len(mails))
		}
	})
}

// Reminders go out once a day near the deadline, however many look for them; an
// administrator may send one more, not sooner than an hour later.
func TestPolicyReminders(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		o := newTenant(t, s)
		o.ask(t, s, "require_webauthn", 10)
		near, far, done := o.join(t, s), o.join(t, s), o.join(t, s)
		s.AddPasskey(t, done.Token)
		shift(t, sys, o.Organization, near.ID, 5*24*time.Hour)
		if sys.Kind == harness.Embedded {
			runEnforce(t, sys)
			runEnforce(t, sys)
		} else {
			runs := make(chan string, 2)
			for range 2 {
				go func() {
					out, _ := sys.CLI(t, nil, "jobs", "run", enforce)
					runs <- out
				}()
			}
			t.Log(<-runs, <-runs)
		}
		m := sys.AwaitMail(t, reminderMail, near.Email, 1)
		if n := len(sys.Mails(t, reminderMail, near.Email)); n != 1 || m.Subject == "" {
			t.Errorf("%d mails", n)
		}
		for _, u := range []harness.User{far, done} {
			if n := len(sys.Mails(t, reminderMail, u.Email)); n != 0 {
				t.Errorf("%d mails to somebody who needs none", n)
			}
		}
		if row := o.row(t, s, near.ID, ""); row["notification_count"] != 1.0 {
			t.Errorf("the member's row is %v", row)
		}
		if n := sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'mfa.policy.reminder_sent'`); n != "1" {
			t.Errorf("%s rows in the trail", n)
		}

		s.Do(t, remind(o.owner.Token, o.Organization, near.ID)).WantError(t, http.StatusConflict, "CONFLICT")
		s.Do(t, remind(o.owner.Token, o.Organization, done.ID)).WantError(t, http.StatusConflict, "CONFLICT")
		s.Do(t, remind(o.owner.Token, o.Organization, unknownID)).WantError(t, http.StatusNotFound, "NOT_FOUND")
		s.Do(t, remind(far.Token, o.Organization, near.ID)).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
		s.Do(t, remind(o.owner.Token, o.Organization, far.ID)).Want(t, http.StatusOK)
		sys.AwaitMail(t, reminderMail, far.Email, 1)
		sys.Last().Do(t, remind(o.owner.Token, o.Organization, far.ID)).WantError(t, http.StatusConflict, "CONFLICT")
	})
}
