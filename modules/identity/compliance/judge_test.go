package compliance_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity/compliance"
)

const dayLong = 24 * time.Hour

// TestJudgeEverything judges somebody new under every mode, override, set of factors, grace
// and time since, against the rules written out once more.
func TestJudgeEverything(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	for _, mode := range compliance.Modes() {
		for _, o := range overrides() {
			for _, held := range holdings() {
				for _, grace := range []int64{0, 1, 14, 365} {
					for _, later := range []time.Duration{0, dayLong - time.Microsecond, dayLong, 14 * dayLong, 400 * dayLong} {
						p := compliance.Policy{Mode: mode, GraceDays: grace, NotifyDays: 7, Version: 3}
						first := compliance.Judge(compliance.Row{}, o, p, held, start)
						now := start.Add(later)
						r := compliance.Judge(first, o, p, held, now)
						name := fmt.Sprintf("%s, %+v, %+v, grace %d, after %s", mode, o, held, grace, later)
						checkRow(t, name, r, compliance.DemandOf(mode, o), held, start, grace, now)
						if again := compliance.Judge(r, o, p, held, now); !reflect.DeepEqual(again, r) {
							t.Errorf("%s: judged again it is %+v, not %+v", name, again, r)
						}
						suspended := r.Suspend(now)
						if over := r.Shown(3, now) == compliance.StatusPastDue; (suspended.Status == compliance.StatusSuspended) != over {
							t.Errorf("%s: past due %v, suspended %s", name, over, suspended.Status)
						}
						if again := compliance.Judge(suspended, o, p, held, now); !reflect.DeepEqual(again, suspended) {
							t.Errorf("%s: a suspension is judged to %+v", name, again)
						}
					}
				}
			}
		}
	}
}

func checkRow(t *testing.T, name string, r compliance.Row, d compliance.Demand, held compliance.Held, start time.Time, grace int64, now time.Time) {
	t.Helper()
	deadline := start.Add(time.Duration(grace) * dayLong)
	want := compliance.StatusNotApplicable
	switch {
	case d.Required() && !d.Satisfied(held) && now.Before(deadline):
		want = compliance.StatusInGrace
	case d.Required() && !d.Satisfied(held):
		want = compliance.StatusPastDue
	case d.Required(), d.Mode == compliance.ModeOptional:
		want = compliance.StatusCompliant
	}
	if got := r.Shown(3, now); got != want {
		t.Errorf("%s: is %s, want %s", name, got, want)
	}
	if d.Required() != (r.AppliedAt != nil) || r.AppliedAt != nil && !r.AppliedAt.Equal(start) {
		t.Errorf("%s: asked since %v", name, r.AppliedAt)
	}
	if want.Unsatisfied() != (r.DeadlineAt != nil) || r.DeadlineAt != nil && !r.DeadlineAt.Equal(deadline) {
		t.Errorf("%s: the deadline is %v", name, r.DeadlineAt)
	}
	if (want == compliance.StatusCompliant) != (r.CompliantAt != nil) || r.CompliantAt != nil && !r.CompliantAt.Equal(start) {
		t.Errorf("%s: compliant since %v", name, r.CompliantAt)
	}
	if r.SuspendedAt != nil || r.PolicyVersion != 3 || r.EffectiveMode != d.Mode || !r.CreatedAt.Equal(start) {
		t.Errorf("%s: %+v", name, r)
	}
}

// TestJudgeStory follows one member through what may happen, a step at a time.
func TestJudgeStory(t *testing.T) {
	t.Parallel()
	var (
		start   = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
		r       compliance.Row
		o       compliance.Override
		held    compliance.Held
		p       = compliance.Policy{Mode: compliance.ModeTOTP, GraceDays: 14, Version: 1}
		now     time.Time
		at      = func(days float64) time.Time { return start.Add(time.Duration(days * float64(dayLong))) }
		applied = func(days float64) *time.Time { at := at(days); return &at }
	)
	for _, step := range []struct {
		name     string
		day      float64
		change   func()
		status   compliance.Status
		applied  *time.Time
		deadline *time.Time
	}{
		{"asked", 0, func() {}, compliance.StatusInGrace, applied(0), applied(14)},
		{"more grace", 1, func() { p.GraceDays = 30 }, compliance.StatusInGrace, applied(0), applied(30)},
		{"less grace", 20, func() { p.GraceDays = 14 }, compliance.StatusPastDue, applied(0), applied(14)},
		{"enrolled", 21, func() { held.TOTP = true }, compliance.StatusCompliant, applied(0), nil},
		{"given up", 22, func() { held.TOTP = false }, compliance.StatusPastDue, applied(0), applied(14)},
		{"suspended", 22, func() { r = r.Suspend(now) }, compliance.StatusSuspended, applied(0), applied(14)},
		{"another demand while nothing was done", 23, func() { p.Mode = compliance.ModeWebAuthn }, compliance.StatusSuspended, applied(0), applied(14)},
		{"much more grace", 23, func() { p.GraceDays = 40 }, compliance.StatusInGrace, applied(0), applied(40)},
		{"a passkey", 24, func() { held.Passkey = true }, compliance.StatusCompliant, applied(0), nil},
		{"another demand of somebody who did what was asked", 50, func() { p.Mode = compliance.ModeTOTP }, compliance.StatusInGrace, applied(50), applied(90)},
		{"either is enough", 60, func() { p.Mode = compliance.ModeEither }, compliance.StatusCompliant, applied(50), nil},
		{"either, without any", 61, func() { held.Passkey = false }, compliance.StatusInGrace, applied(50), applied(90)},
		{"exempt", 62, func() { o.Mode = compliance.OverrideExempt }, compliance.StatusNotApplicable, nil, nil},
		{"not exempt any more", 70, func() { o.Mode = compliance.OverrideInherit }, compliance.StatusInGrace, applied(70), applied(110)},
		{"a passkey again", 71, func() { held.Passkey = true }, compliance.StatusCompliant, applied(70), nil},
		{"an app is forced", 72, func() { o = compliance.Override{Mode: compliance.OverrideRequired, ForceTOTP: true} }, compliance.StatusInGrace, applied(72), applied(112)},
		{"no grace at all", 72, func() { p.GraceDays = 0 }, compliance.StatusPastDue, applied(72), applied(72)},
		{"relaxed", 73, func() { p.Mode, o = compliance.ModeOptional, compliance.Override{} }, compliance.StatusCompliant, nil, nil},
		{"switched off", 74, func() { p.Mode = compliance.ModeDisabled }, compliance.StatusNotApplicable, nil, nil},
		{"asked again, with an app and a passkey", 75, func() { p.Mode, held.TOTP = compliance.ModeTOTP, true }, compliance.StatusCompliant, applied(75), nil},
		{"given up after all that time", 76, func() { held.TOTP = false }, compliance.StatusPastDue, applied(75), applied(75)},
	} {
		now = at(step.day)
		before := p
		step.change()
		if p != before {
			p.Version++
			if got := r.Shown(p.Version, now); r.PolicyVersion != 0 && got != compliance.StatusPending && !got.Unsatisfied() {
				t.Errorf("%s: before it is judged it is %s", step.name, got)
			}
		}
		r = compliance.Judge(r, o, p, held, now)
		if got := r.Shown(p.Version, now); got != step.status || !sameInstant(r.AppliedAt, step.applied) || !sameInstant(r.DeadlineAt, step.deadline) {
			t.Fatalf("%s: %s since %v until %v, want %s since %v until %v", step.name, got, r.AppliedAt, r.DeadlineAt, step.status, step.applied, step.deadline)
		}
	}
}

func sameInstant(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// TestShown: what is stored is read by the clock and by the version of the policy.
func TestShown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	soon, before := now.Add(time.Microsecond), now.Add(-time.Microsecond)
	for _, c := range []struct {
		status   compliance.Status
		deadline *time.Time
		version  int64
		want     compliance.Status
	}{
		{compliance.StatusInGrace, &soon, 1, compliance.StatusInGrace},
		{compliance.StatusInGrace, &now, 1, compliance.StatusPastDue},
		{compliance.StatusInGrace, &before, 1, compliance.StatusPastDue},
		{compliance.StatusInGrace, &soon, 2, compliance.StatusPending},
		{compliance.StatusInGrace, &before, 2, compliance.StatusPastDue},
		{compliance.StatusSuspended, &before, 2, compliance.StatusSuspended},
		{compliance.StatusCompliant, nil, 1, compliance.StatusCompliant},
		{compliance.StatusCompliant, nil, 2, compliance.StatusPending},
		{compliance.StatusNotApplicable, nil, 0, compliance.StatusPending},
	} {
		r := compliance.Row{Status: c.status, DeadlineAt: c.deadline, PolicyVersion: 1}
		if got := r.Shown(c.version, now); got != c.want {
			t.Errorf("%s until %v under version %d is shown as %s, want %s", c.status, c.deadline, c.version, got, c.want)
		}
	}
}
