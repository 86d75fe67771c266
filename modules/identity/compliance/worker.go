package compliance

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/jobs"
)

const (
	// walkBatch is how many users one transaction judges.
	walkBatch   = 200
	walkTimeout = 10 * time.Minute
)

// Reevaluation is the job that judges the members of an organization anew, after its policy
// became the one of the version. Version zero judges by whatever the policy is then, as for
// an organization that is gone.
type Reevaluation struct {
	OrganizationID string `json:"organization_id"`
	Version        int64  `json:"version"`
}

// Kind returns reevaluate_mfa_members.
func (Reevaluation) Kind() string { return "reevaluate_mfa_members" }

// Workers do the queued jobs of the policies.
func (s *Service) Workers() []jobs.Worker {
	return []jobs.Worker{jobs.Work(walkTimeout, s.Reevaluate)}
}

// Reevaluate walks over the members of an organization, and over the rows of those who are
// none any more, one batch a transaction. It stops when the policy is newer than it was told:
// then there is another walk. It may be repeated.
func (s *Service) Reevaluate(ctx context.Context, args Reevaluation) error {
	for after, done := noID, false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var next string
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			next, done, err = s.walk(ctx, tx, args, after)
			return err
		})
		if err != nil {
			return err
		}
		after = next
	}
	return nil
}

// walk judges the batch after a user, and returns the last of it and whether it was the last
// batch.
func (s *Service) walk(ctx context.Context, tx bun.Tx, args Reevaluation, after string) (string, bool, error) {
	ids, err := s.batchAfter(ctx, tx, args.OrganizationID, after)
	if err != nil || len(ids) == 0 {
		return after, true, err
	}
	last := ids[len(ids)-1]
	overtaken := false
	err = s.underHold(ctx, tx, ids, func(b *batch) error {
		policy, err := s.policies.find(ctx, tx, args.OrganizationID)
		if overtaken = args.Version > 0 && policy.Version > args.Version; err != nil || overtaken {
			return err
		}
		return s.judgeMembers(ctx, b, policy)
	})
	return last, overtaken || len(ids) < walkBatch, err
}

// batchAfter returns who is next, of those who belong to an organization and those who have a
// row in it.
func (s *Service) batchAfter(ctx context.Context, on bun.IDB, organizationID, after string) ([]string, error) {
	ids, err := s.members.MembersAfter(ctx, on, organizationID, after, walkBatch)
	if err != nil {
		return nil, err
	}
	stored, err := s.rows.usersAfter(ctx, on, organizationID, after, walkBatch)
	if err != nil {
		return nil, err
	}
	ids = append(slices.Clone(ids), stored...)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), walkBatch)], nil
}

// judgeMembers judges the users of a batch in one organization. Who belongs to it is read
// again: some may have left while their hold was waited for.
func (s *Service) judgeMembers(ctx context.Context, b *batch, policy Policy) error {
	members, err := s.members.MembersAmong(ctx, b.tx, policy.OrganizationID, b.ids)
	if err != nil {
		return err
	}
	if err := b.learn(ctx, s.factors); err != nil {
		return err
	}
	for _, userID := range b.ids {
		p := pair{user: userID, organization: policy.OrganizationID}
		if !slices.Contains(members, userID) {
			b.drop(p)
			continue
		}
		b.judge(p, policy, b.row(p).Override)
	}
	return nil
}
