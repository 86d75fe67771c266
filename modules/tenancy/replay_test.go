package tenancy_test

import (
	"context"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/platformtest"
)

// TestRepeatableRequests: what honours an Idempotency-Key does all of its work in the
// transaction that keeps the answer, and leaves nothing when that is abandoned.
func TestRepeatableRequests(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann, bob := h.user(t, "ann"), h.user(t, "bob")
		o := h.found(t, ann, "Acme")
		for name, work := range map[string]func(ctx context.Context) error{
			"create": func(ctx context.Context) error {
				_, _, err := h.Create(ctx, ann, tenancy.NewOrganization{Name: "Other"})
				return err
			},
			"add": func(ctx context.Context) error {
				_, err := h.AddMember(ctx, ann, o.ID, tenancy.NewMember{Email: "bob@example.com", Role: tenancy.RoleAdmin})
				return err
			},
			"transfer": func(ctx context.Context) error {
				if _, err := h.AddMember(ctx, ann, o.ID, tenancy.NewMember{Email: "bob@example.com", Role: tenancy.RoleAdmin}); err != nil {
					return err
				}
				_, err := h.Transfer(ctx, ann, o.ID, bob)
				return err
			},
		} {
			h.facts.take(t)
			ctx, deferred := b.DB.Defer(t.Context(), nil)
			if err := work(ctx); err != nil || !deferred.Begun() {
				t.Errorf("%s: %v, begun %t", name, err, deferred.Begun())
			}
			deferred.Abort()
			if n, m := h.count(t, "tenancy_organizations"), h.count(t, "tenancy_members"); n != 1 || m != 1 || len(h.facts.take(t)) != 0 {
				t.Errorf("%s: an abandoned request left %d organizations and %d members", name, n, m)
			}
		}
	})
}
