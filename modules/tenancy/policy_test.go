package tenancy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

func seconds(n int64) *int64 { return &n }

func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ctx, ann := t.Context(), h.user(t, "ann")
		o, second := h.found(t, ann, "Acme"), h.found(t, ann, "Second")
		bob := h.join(t, ann, o.ID, "bob", tenancy.RoleMember)
		limits := func(userID string) string {
			before := b.Statements()
			standing, err := h.directory.StandingOf(ctx, b.DB.Read(), userID)
			if err != nil || b.Statements()-before != 1 {
				t.Errorf("limits: %v, %d statements", err, b.Statements()-before)
			}
			return fmt.Sprint(standing.Idle, standing.Absolute)
		}
		p, tag, err := h.ReadPolicy(ctx, ann, o.ID)
		if err != nil || p.Idle != nil || p.Absolute != nil || limits(ann) != "0s 0s" {
			t.Errorf("a new organization has the policy %+v, %v; its owner the limits %s", p, err, limits(ann))
		}
		for name, bad := range map[string]tenancy.SessionPolicy{
			"too short":                   {Idle: seconds(59)},
			"longer than the system's":    {Idle: seconds(int64(systemIdle/time.Second) + 1)},
			"absolute too long":           {Absolute: seconds(int64(systemAbsolute/time.Second) + 1)},
			"idle longer than absolute":   {Idle: seconds(600), Absolute: seconds(300)},
			"negative":                    {Absolute: seconds(-1)},
			"longer than any machine has": {Absolute: seconds(1 << 62)},
		} {
			if _, err := h.SetPolicy(ctx, ann, o.ID, bad, anyTag); code(err) != "VALIDATION_ERROR" {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.facts.take(t)
		newTag, err := h.SetPolicy(ctx, ann, o.ID, tenancy.SessionPolicy{Idle: seconds(300), Absolute: seconds(3600)}, httpx.IfMatch{Match: tag}.Check)
		if err != nil || newTag == tag {
			t.Fatalf("set: %v, tag %s", err, newTag)
		}
		for _, userID := range []string{ann, bob} {
			if !b.Invalidation.Stale("user", userID, 0) {
				t.Errorf("what is remembered of %s is not stale", userID)
			}
		}
		if _, err := h.SetPolicy(ctx, ann, o.ID, tenancy.SessionPolicy{}, httpx.IfMatch{Match: tag}.Check); code(err) != "PRECONDITION_FAILED" {
			t.Errorf("a stale policy: %v", err)
		}
		if _, err := h.SetPolicy(ctx, ann, second.ID, tenancy.SessionPolicy{Idle: seconds(600), Absolute: seconds(1800)}, anyTag); err != nil {
			t.Fatal(err)
		}
		if facts := h.facts.take(t); actionsOf(facts) != "org.session_policy.update org.session_policy.update" || facts[0].Metadata["idle_timeout"] != "300" {
			t.Errorf("the facts are %+v", facts)
		}
		if limits(ann) != "5m0s 30m0s" || limits(bob) != "5m0s 1h0m0s" {
			t.Errorf("the shortest rules are %s and %s", limits(ann), limits(bob))
		}
		if err := h.RemoveMember(ctx, ann, o.ID, bob); err != nil {
			t.Fatal(err)
		}
		if err := h.Delete(ctx, ann, second.ID, anyTag); err != nil {
			t.Fatal(err)
		}
		if limits(ann) != "5m0s 1h0m0s" || limits(bob) != "0s 0s" {
			t.Errorf("after leaving and ending: %s and %s", limits(ann), limits(bob))
		}
		read, _, err := h.ReadPolicy(ctx, ann, o.ID)
		if err != nil || *read.Idle != 300 || *read.Absolute != 3600 {
			t.Errorf("read %+v, %v", read, err)
		}
	})
}

// TestPolicyOfManyMembers has more members than one statement of the log takes.
func TestPolicyOfManyMembers(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Acme")
		names := make([]string, 2500)
		for i := range names {
			names[i] = fmt.Sprintf("user%d", i)
		}
		all := h.users(t, names...)
		h.crowdIn(t, o.ID, all)
		if _, err := h.SetPolicy(t.Context(), ann, o.ID, tenancy.SessionPolicy{Idle: seconds(300)}, anyTag); err != nil {
			t.Fatal(err)
		}
		for _, userID := range []string{all[0], all[1234], all[2499]} {
			if !b.Invalidation.Stale("user", userID, 0) {
				t.Errorf("what is remembered of %s is not stale", userID)
			}
		}
	})
}

func TestPolicyWithoutSessions(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHouse(t, b, func(p *tenancy.Parts) { p.Limits = tenancy.SystemLimits{} })
	ann := h.user(t, "ann")
	o := h.found(t, ann, "Acme")
	if _, err := h.SetPolicy(t.Context(), ann, o.ID, tenancy.SessionPolicy{Absolute: seconds(400 * 86400)}, anyTag); err != nil {
		t.Error(err)
	}
	if _, err := h.SetPolicy(t.Context(), ann, o.ID, tenancy.SessionPolicy{Absolute: seconds(400*86400 + 1)}, anyTag); code(err) != "VALIDATION_ERROR" {
		t.Errorf("more than 400 days: %v", err)
	}
}
