package compliance_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/platformtest"
)

const (
	// callers is how many act at one instant.
	callers = 64
	rounds  = 12
)

// TestEverybodyAtOnce: members enroll, give up, join and leave, the policy and overrides
// change, and jobs run, all at one instant and in two processes. Once the queue is empty,
// everybody is what they would be if they were judged for the first time.
func TestEverybodyAtOnce(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		other := h.another()
		ctx := t.Context()
		for round := range rounds {
			club, owner := h.club(t)
			members := h.users(t, 4)
			h.enter(t, club, "member", members...)
			h.ask(t, owner, club, compliance.ModeTOTP, int64(round%2))
			errs := together(callers, func(i int) error {
				userID := members[i/8%len(members)] // does everything twice
				return patiently(func() error {
					switch i % 8 {
					case 0, 1:
						return h.totp(ctx, userID, true)
					case 2:
						return h.totp(ctx, userID, false)
					case 3:
						mode := compliance.Modes()[(i+round)/8%5]
						_, _, err := h.SetPolicy(ctx, owner, club, compliance.PolicyChange{Mode: mode, GraceDays: int64(i % 3), NotifyDays: 7}, anyTag)
						return err
					case 4:
						if err := h.leave(ctx, club, userID); err != nil || i < callers/2 {
							return err
						}
						return h.join(ctx, club, userID)
					case 5:
						_, err := other.Enforce(ctx)
						return err
					case 6:
						return other.Reevaluate(ctx, compliance.Reevaluation{OrganizationID: club})
					default:
						_, err := other.SetOverride(ctx, owner, club, userID, compliance.Override{Mode: compliance.OverrideModes()[(i/8+round)%3]})
						return err
					}
				})
			})
			for _, err := range errs {
				// A user who has left at that moment is no member, and who joins twice is one.
				if c := code(err); c != "" && c != "NOT_FOUND" && !strings.Contains(fmt.Sprint(err), "club_members") {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			for _, userID := range members {
				_, err := clubs{h.DB}.MembershipOf(ctx, h.DB.Read(), club, userID)
				if n := h.rowsOf(t, userID); err != nil && (n != 0 || h.restricted(t, userID)) {
					t.Errorf("round %d: somebody who left has %d rows, restricted %v", round, n, h.restricted(t, userID))
				}
			}
			p, _, err := h.ReadPolicy(ctx, owner, club)
			must(t, err)
			h.walk(t, club, p.Version)
			h.enforce(t)
			for _, userID := range append(members, owner) {
				h.checkFresh(t, fmt.Sprint("round ", round), club, userID, p)
			}
		}
	})
}

// checkFresh compares what is stored of a user with a judgement of somebody new.
func (h *house) checkFresh(t testing.TB, when, club, userID string, p compliance.Policy) {
	t.Helper()
	ctx := t.Context()
	held, err := h.accounts.FactorsOf(ctx, h.DB.Read(), []string{userID})
	must(t, err)
	places, err := clubs{h.DB}.Belongings(ctx, h.DB.Read(), userID)
	must(t, err)
	var row struct {
		OverrideMode  string
		Status        string
		EffectiveMode string
		PolicyVersion int64
	}
	n := h.rowsOf(t, userID)
	if len(places) == 0 {
		if n != 0 || h.restricted(t, userID) {
			t.Errorf("%s: somebody who left has %d rows, restricted %v", when, n, h.restricted(t, userID))
		}
		return
	}
	if n != 1 {
		t.Errorf("%s: %d rows", when, n)
		return
	}
	must(t, h.DB.Read().NewSelect().Table("identity_mfa_members").Column("override_mode", "status", "effective_mode", "policy_version").
		Where("organization_id = ?", club).Where("user_id = ?", userID).Scan(ctx, &row))
	o := compliance.Override{Mode: compliance.OverrideMode(row.OverrideMode)}
	want := compliance.Judge(compliance.Row{}, o, p, held[userID], h.now())
	if p.GraceDays == 0 || row.Status == string(compliance.StatusSuspended) {
		want = want.Suspend(h.now())
	}
	a := h.account(t, userID)
	suspended := want.Status == compliance.StatusSuspended
	if row.Status != string(want.Status) || row.EffectiveMode != string(want.EffectiveMode) || row.PolicyVersion != p.Version ||
		(a.Status == "compliance_suspended") != suspended || (want.DeadlineAt == nil) != a.RestrictedFrom.IsZero() ||
		want.DeadlineAt != nil && !a.RestrictedFrom.Equal(*want.DeadlineAt) {
		t.Errorf("%s: %+v and %+v, want %+v (policy %+v, factors %+v)", when, row, a, want, p, held[userID])
	}
}

// rowsOf counts the rows of a user.
func (h *house) rowsOf(t testing.TB, userID string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table("identity_mfa_members").Where("user_id = ?", userID).Count(t.Context())
	must(t, err)
	return int(n)
}

// TestJoinWhilePolicyIsSet: whoever joins while the first policy is set is judged by it, or
// seen by the walk that follows.
func TestJoinWhilePolicyIsSet(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for round := range rounds {
			club, owner := h.club(t)
			joining := h.users(t, 15)
			var once sync.Once
			for _, err := range together(len(joining)+1, func(i int) error {
				return patiently(func() error {
					if i < len(joining) {
						return h.join(t.Context(), club, joining[i])
					}
					p, _, err := h.SetPolicy(t.Context(), owner, club, compliance.PolicyChange{Mode: compliance.ModeTOTP, GraceDays: 0}, anyTag)
					if err == nil {
						once.Do(func() {
							err = h.Reevaluate(t.Context(), compliance.Reevaluation{OrganizationID: club, Version: p.Version})
						})
					}
					return err
				})
			}) {
				must(t, err)
			}
			if n := h.rows(t, club); n != len(joining)+1 {
				t.Errorf("round %d: of %d members %d are judged", round, len(joining)+1, n)
			}
		}
	})
}
