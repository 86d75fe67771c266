package compliance_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		people := h.users(t, 2)
		bob, stranger := people[0], people[1]
		h.enter(t, club, "member", bob)
		p, tag, err := h.ReadPolicy(t.Context(), bob, club)
		if err != nil || p != compliance.DefaultPolicy(club) || p.Version != 0 || p.Mode != compliance.ModeOptional || p.GraceDays != 14 || p.NotifyDays != 7 {
			t.Errorf("without one: %+v, %v", p, err)
		}
		if _, _, err := h.ReadPolicy(t.Context(), stranger, club); code(err) != "NOT_FOUND" {
			t.Errorf("a stranger: %v", err)
		}
		good := compliance.PolicyChange{Mode: compliance.ModeTOTP, GraceDays: 30, NotifyDays: 3}
		for actor, want := range map[string]string{bob: "AUTHORIZATION_ERROR", stranger: "NOT_FOUND"} {
			if _, _, err := h.SetPolicy(t.Context(), actor, club, good, anyTag); code(err) != want {
				t.Errorf("want %s: %v", want, err)
			}
		}
		for field, bad := range map[string]compliance.PolicyChange{
			"mfa_policy_mode":       {Mode: "require_sms", GraceDays: 14, NotifyDays: 7},
			"mfa_grace_period_days": {Mode: compliance.ModeTOTP, GraceDays: 366},
			"notify_days_before":    {Mode: compliance.ModeTOTP, NotifyDays: 31},
		} {
			_, _, err := h.SetPolicy(t.Context(), owner, club, bad, anyTag)
			if e := apperr.From(err); e.Code() != apperr.CodeValidation || e.Details()["fields"] == nil && !strings.Contains(e.Error()+stringOf(e.Details()), field) {
				t.Errorf("%s: %v %v", field, err, e.Details())
			}
		}
		set := func(c compliance.PolicyChange, tag string) (compliance.Policy, string, error) {
			return h.SetPolicy(t.Context(), owner, club, c, httpx.IfMatch{Match: tag}.Check)
		}
		first, firstTag, err := set(good, tag)
		if err != nil || first.Version != 1 || firstTag == tag {
			t.Fatalf("first: %+v, %s, %v", first, firstTag, err)
		}
		if again, againTag, err := set(good, firstTag); err != nil || again != first || againTag != firstTag {
			t.Errorf("the same again: %+v, %s, %v", again, againTag, err)
		}
		if _, _, err := set(good, tag); !errors.Is(err, apperr.ErrPreconditionFailed) {
			t.Errorf("a stale one: %v", err)
		}
		second, secondTag, err := set(compliance.PolicyChange{Mode: compliance.ModeTOTP, GraceDays: 31, NotifyDays: 3}, firstTag)
		if err != nil || second.Version != 2 || secondTag == firstTag {
			t.Errorf("second: %+v, %v", second, err)
		}
		read, readTag, err := h.ReadPolicy(t.Context(), bob, club)
		if err != nil || read != second || readTag != secondTag {
			t.Errorf("read: %+v, %s, %v", read, readTag, err)
		}
		if n := h.heard.count(compliance.ActionPolicy, club); n != 2 {
			t.Errorf("%d facts", n)
		}
	})
}

func stringOf(details map[string]any) string {
	var b strings.Builder
	for k := range details {
		b.WriteString(k)
	}
	return b.String()
}

// TestOverride: exempt, required and inherit, judged at once, by those who may.
func TestOverride(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		people := h.users(t, 4)
		admin, bob, stranger, friend := people[0], people[1], people[2], people[3]
		h.enter(t, club, "admin", admin)
		h.enter(t, club, "member", bob, friend)
		set := func(actor, userID string, o compliance.Override) string {
			got, err := h.SetOverride(t.Context(), actor, club, userID, o)
			if err == nil && got != o {
				t.Errorf("%+v became %+v", o, got)
			}
			return code(err)
		}
		exempt := compliance.Override{Mode: compliance.OverrideExempt}
		required := compliance.Override{Mode: compliance.OverrideRequired}
		inherit := compliance.Override{Mode: compliance.OverrideInherit}
		for _, c := range []struct {
			actor, user string
			o           compliance.Override
			want        string
		}{
			{bob, bob, exempt, "AUTHORIZATION_ERROR"},
			{stranger, bob, exempt, "NOT_FOUND"},
			{admin, stranger, exempt, "NOT_FOUND"},
			{admin, owner, exempt, "AUTHORIZATION_ERROR"},
			{admin, bob, compliance.Override{Mode: "never"}, "VALIDATION_ERROR"},
			{owner, owner, inherit, ""},
			{owner, admin, inherit, ""},
		} {
			if got := set(c.actor, c.user, c.o); got != c.want {
				t.Errorf("%s of %s: %q, want %q", c.actor, c.user, got, c.want)
			}
		}
		if n := h.rows(t, club); n != 0 {
			t.Errorf("%d rows without policy and override", n)
		}
		if set(admin, bob, required) != "" {
			t.Fatal("required was refused")
		}
		o := h.expect(t, "required without a policy", bob, compliance.StatusInGrace, false)
		if !o.DeadlineAt.Equal(h.now().Add(14*dayLong)) || len(o.MissingMethods) != 2 || o.Organizations[0].EffectiveMode != compliance.ModeEither {
			t.Errorf("required without a policy: %+v", o)
		}
		must(t, h.totp(t.Context(), bob, true))
		h.expect(t, "required, enrolled", bob, compliance.StatusCompliant, false)
		if set(admin, bob, compliance.Override{Mode: compliance.OverrideRequired, ForceTOTP: true, ForceWebAuthn: true}) != "" {
			t.Fatal("both were refused")
		}
		if o := h.expect(t, "both, with one", bob, compliance.StatusInGrace, false); len(o.MissingMethods) != 1 || o.MissingMethods[0] != "webauthn" {
			t.Errorf("both, with one: %+v", o)
		}
		h.passkey(t, bob)
		h.expect(t, "both", bob, compliance.StatusCompliant, false)
		if set(admin, bob, inherit) != "" || h.rows(t, club) != 0 {
			t.Errorf("%d rows after the override ended", h.rows(t, club))
		}

		h.ask(t, owner, club, compliance.ModeTOTP, 0)
		h.enforce(t)
		h.expect(t, "suspended", friend, compliance.StatusSuspended, true)
		if set(admin, friend, exempt) != "" {
			t.Fatal("exempt was refused")
		}
		if o := h.expect(t, "exempt", friend, compliance.StatusCompliant, false); o.Organizations[0].Status != compliance.StatusNotApplicable || o.DeadlineAt != nil {
			t.Errorf("exempt: %+v", o)
		}
		if h.account(t, friend).Status != "active" || h.heard.liftedOf(friend) != 1 || h.heard.count(compliance.ActionOverride, friend) != 1 {
			t.Errorf("exempt: %+v", h.account(t, friend))
		}
		if set(admin, friend, exempt) != "" || h.heard.count(compliance.ActionOverride, friend) != 1 {
			t.Error("the same override was recorded twice")
		}
	})
}
