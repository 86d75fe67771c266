package compliance

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/jobs"
)

const (
	reconcileEvery   = time.Hour
	reconcileTimeout = 10 * time.Minute
	// comparePage is how many members are compared with their rows together.
	comparePage = 500
)

// Reconcile compares the members of every organization that has a policy, or asks members for
// factors without one, and their factors, with their rows, and judges those who would be judged
// otherwise: nobody said who joined, who left and who enrolled while this was switched off.
func (s *Service) Reconcile(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{"reevaluated": 0}
	for _, list := range []policyPages{s.policies.after, s.policies.without} {
		if err := s.reconcileAll(ctx, list, report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// policyPages returns a page of policies in the order of their organizations, after one of them.
type policyPages func(ctx context.Context, organizationID string, limit int) ([]Policy, error)

func (s *Service) reconcileAll(ctx context.Context, list policyPages, report jobs.Report) error {
	for after := noID; ; {
		policies, err := list(ctx, after, walkBatch)
		if err != nil || len(policies) == 0 {
			return err
		}
		for _, p := range policies {
			after = p.OrganizationID
			if err := s.reconcile(ctx, p, report); err != nil {
				return err
			}
		}
	}
}

func (s *Service) reconcile(ctx context.Context, policy Policy, report jobs.Report) error {
	rejudge := func(ctx context.Context, tx bun.Tx, list []pair) (func(), error) {
		changed, _, err := s.judgePairs(ctx, tx, list)
		return func() { report["reevaluated"] += changed }, err
	}
	for after, more := noID, true; more; {
		var differ []pair
		var err error
		if differ, after, more, err = s.differing(ctx, policy, after); err != nil {
			return err
		}
		for list := range slices.Chunk(differ, mailBatch) {
			if err := s.each(ctx, list, rejudge); err != nil {
				return err
			}
		}
	}
	return nil
}

// differing returns whose rows are not as they should be, of a page of members after a user,
// how far the page reaches, and whether there is more.
func (s *Service) differing(ctx context.Context, policy Policy, after string) (differ []pair, through string, more bool, err error) {
	members, err := s.members.MembersAfter(ctx, s.db.Read(), policy.OrganizationID, after, comparePage)
	if err != nil {
		return nil, "", false, err
	}
	rows, err := s.rows.rowsAfter(ctx, policy.OrganizationID, after, comparePage)
	if err != nil {
		return nil, "", false, err
	}
	stored := make([]string, len(rows))
	for i, r := range rows {
		stored[i] = r.UserID
	}
	held := map[string]Held{}
	if len(stored) > 0 {
		if held, err = s.factors.FactorsOf(ctx, s.db.Read(), stored); err != nil {
			return nil, "", false, err
		}
	}
	lone, through, more := compare(members, stored, comparePage)
	for _, userID := range lone {
		if policy.Version == 0 && !slices.Contains(stored, userID) {
			continue // of whom nothing is asked there is no row
		}
		differ = append(differ, pair{user: userID, organization: policy.OrganizationID})
	}
	now := s.now()
	for _, r := range rows {
		if !slices.Contains(differ, r.pair()) && !Judge(r, r.Override, policy, held[r.UserID], now).same(r) {
			differ = append(differ, r.pair())
		}
	}
	return differ, through, more, nil
}

// compare returns what only one of two pages of ids has, how far both reach, and whether
// there is more after that. A page of the size may not be the last.
func compare(a, b []string, size int) (differ []string, through string, more bool) {
	for _, page := range [][]string{a, b} {
		if len(page) == size && (!more || page[size-1] < through) {
			through, more = page[size-1], true
		}
	}
	seen := map[string]int{}
	for _, page := range [][]string{a, b} {
		for _, v := range page {
			if !more || v <= through {
				seen[v]++
			}
		}
	}
	for _, page := range [][]string{a, b} {
		for _, v := range page {
			if seen[v] == 1 {
				differ = append(differ, v)
			}
		}
	}
	return differ, through, more
}
