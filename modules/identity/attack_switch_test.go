package identity_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// Where organizations limit nobody, whom they had suspended is active: nobody could ever lift
// that. Whom an operator suspended stays it.
func TestSuspensionEndsWithPolicies(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		j := identity.NewJudged(b.DB, b.Clock, b.Bus, h.log, h.postman)
		done, _ := h.register(t, ann, goodPass)
		userID := done.Account.UserID
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if _, err := j.SetSuspended(ctx, tx, []string{userID}, true); err != nil {
				return err
			}
			return j.Restrict(ctx, tx, map[string]time.Time{userID: database.Canonical(b.Clock.Now())})
		})
		if err != nil {
			t.Fatal(err)
		}
		on := identity.NewDirectory(identity.Extent{SecondFactors: true, Policies: true}, b.DB, h.passwords, h.rehasher)
		if a, err := on.Account(t.Context(), userID); err != nil || a.Status != "compliance_suspended" || !a.Restricted(b.Clock.Now()) {
			t.Errorf("with policies: %+v, %v", a, err)
		}
		want := func(when, status string) {
			t.Helper()
			off := identity.NewDirectory(identity.Extent{}, b.DB, h.passwords, h.rehasher)
			seen := map[string]authn.Account{}
			var err error
			if seen["read"], err = off.Account(t.Context(), userID); err != nil {
				t.Fatal(err)
			}
			if seen["proved"], err = off.CheckPassword(t.Context(), ann, secret.New(goodPass)); err != nil {
				t.Fatal(err)
			}
			err = b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
				seen["signed in"], err = off.RecordSignIn(ctx, tx, userID, b.Clock.Now(), client())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for how, a := range seen {
				if a.Status != status || a.Restricted(b.Clock.Now()) || !strings.Contains(string(a.Profile), `"status":"`+status+`"`) {
					t.Errorf("%s, %s: %+v with the profile %s, want %s", when, how, a, a.Profile, status)
				}
			}
		}
		want("without policies", "active")
		if _, err := identity.NewAdmin(h.Service).SetStatus(t.Context(), userID, identity.StatusSuspended); err != nil {
			t.Fatal(err)
		}
		want("suspended by an operator", "suspended")
	})
}
