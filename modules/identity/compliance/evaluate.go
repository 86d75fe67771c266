package compliance

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// batch is what is known of users while they are held.
type batch struct {
	tx  bun.Tx
	now time.Time
	// ids are the users that there are, in their order, and statuses theirs.
	ids      []string
	statuses map[string]string
	// before are their rows as they were when the hold began, after as they will be.
	before, after map[pair]Row
	// judged are the users who were judged by all that is known of them in an organization.
	judged map[string]bool
	// factors are theirs, once they were asked for.
	factors map[string]Held
}

// underHold holds the users, has change say what becomes of their rows, and writes that with
// all that follows from it for the users. Whatever changes rows does it here, so that nobody
// else does meanwhile.
func (s *Service) underHold(ctx context.Context, tx bun.Tx, userIDs []string, change func(b *batch) error) error {
	userIDs = slices.Clone(userIDs)
	slices.Sort(userIDs)
	statuses, err := s.users.HoldUsers(ctx, tx, slices.Compact(userIDs))
	if err != nil {
		return err
	}
	b := &batch{tx: tx, now: s.now(), statuses: statuses, after: map[pair]Row{}, judged: map[string]bool{}}
	for userID := range statuses {
		b.ids = append(b.ids, userID)
	}
	slices.Sort(b.ids)
	if b.before, err = s.rows.ofUsers(ctx, tx, b.ids); err != nil {
		return err
	}
	for p, r := range b.before {
		b.after[p] = r
	}
	if err := change(b); err != nil {
		return err
	}
	if err := s.write(ctx, b); err != nil {
		return err
	}
	return s.settle(ctx, b)
}

// learn reads the factors of the users.
func (b *batch) learn(ctx context.Context, f Factors) (err error) {
	if b.factors == nil && len(b.ids) > 0 {
		b.factors, err = f.FactorsOf(ctx, b.tx, b.ids)
	}
	return err
}

// row returns a row, one that nobody has judged yet when there is none.
func (b *batch) row(p pair) Row {
	if r, ok := b.after[p]; ok {
		return r
	}
	return Row{OrganizationID: p.organization, UserID: p.user, Override: Override{Mode: OverrideInherit}}
}

// judge judges a member by a policy and an override. Where neither is, there is no row.
func (b *batch) judge(p pair, policy Policy, o Override) {
	b.judged[p.user] = true
	if policy.Version == 0 && o.none() {
		delete(b.after, p)
		return
	}
	b.after[p] = Judge(b.row(p), o, policy, b.factors[p.user], b.now)
}

// drop forgets somebody who is no member.
func (b *batch) drop(p pair) {
	b.judged[p.user] = true
	delete(b.after, p)
}

// write writes the rows that changed.
func (s *Service) write(ctx context.Context, b *batch) error {
	var changed []Row
	for p, r := range b.after {
		if old, ok := b.before[p]; !ok || !r.same(old) {
			changed = append(changed, r)
		}
	}
	slices.SortFunc(changed, func(x, y Row) int { return comparePairs(x.pair(), y.pair()) })
	if err := s.rows.put(ctx, b.tx, changed); err != nil {
		return err
	}
	gone := map[string][]string{}
	for p := range b.before {
		if _, ok := b.after[p]; !ok {
			gone[p.organization] = append(gone[p.organization], p.user)
		}
	}
	for organizationID, userIDs := range gone {
		if err := s.rows.remove(ctx, b.tx, organizationID, userIDs); err != nil {
			return err
		}
	}
	return nil
}

func comparePairs(x, y pair) int {
	return cmp.Or(cmp.Compare(x.user, y.user), cmp.Compare(x.organization, y.organization))
}

// judgeUser judges a user in every organization that they belong to.
func (s *Service) judgeUser(ctx context.Context, tx bun.Tx, userID string) error {
	return s.underHold(ctx, tx, []string{userID}, func(b *batch) error {
		if len(b.ids) == 0 {
			return nil
		}
		b.judged[userID] = true
		places, err := s.members.Belongings(ctx, tx, userID)
		if err != nil || len(places) == 0 && len(b.before) == 0 {
			return err
		}
		ids := make([]string, len(places))
		for i, o := range places {
			ids[i] = o.ID
		}
		policies, err := s.policies.among(ctx, tx, ids)
		if err != nil || len(policies) == 0 && len(b.before) == 0 {
			return err
		}
		if err := b.learn(ctx, s.factors); err != nil {
			return err
		}
		for p := range b.before {
			if !slices.Contains(ids, p.organization) {
				b.drop(p)
			}
		}
		for _, organizationID := range ids {
			p := pair{user: userID, organization: organizationID}
			b.judge(p, policies[organizationID], b.row(p).Override)
		}
		return nil
	})
}

// judgePairs judges members of any organizations, and forgets those who are none. It marks
// those who were judged before and whose time is over, and tells them. It returns how many
// rows it changed, and how many it suspended.
func (s *Service) judgePairs(ctx context.Context, tx bun.Tx, list []pair) (changed, suspended int64, err error) {
	users, organizations := split(list)
	err = s.underHold(ctx, tx, users, func(b *batch) error {
		policies, err := s.policies.among(ctx, tx, organizations)
		if err != nil {
			return err
		}
		if err := b.learn(ctx, s.factors); err != nil {
			return err
		}
		members, err := s.membersAmong(ctx, tx, list)
		if err != nil {
			return err
		}
		var over []pair
		for _, p := range list {
			if _, ok := b.statuses[p.user]; !ok {
				continue
			}
			old, was := b.before[p]
			if members[p] {
				b.judge(p, policies[p.organization], b.row(p).Override)
			} else {
				b.drop(p)
			}
			r, is := b.after[p]
			if is && was {
				r = r.Suspend(b.now)
				b.after[p] = r
			}
			if is != was || !r.same(old) {
				changed++
			}
			if r.Status == StatusSuspended && old.Status != StatusSuspended {
				over = append(over, p)
			}
		}
		suspended = int64(len(over))
		_, err = s.tell(ctx, b, over, func(r Row, organization string, missing []string) Notice {
			return suspension(organization, r.demand(), missing)
		})
		return err
	})
	return changed, suspended, err
}

// membersAmong returns which of the pairs are memberships, in one statement for each
// organization.
func (s *Service) membersAmong(ctx context.Context, tx bun.Tx, list []pair) (map[pair]bool, error) {
	users := map[string][]string{}
	for _, p := range list {
		users[p.organization] = append(users[p.organization], p.user)
	}
	members := map[pair]bool{}
	for organizationID, ids := range users {
		found, err := s.members.MembersAmong(ctx, tx, organizationID, ids)
		if err != nil {
			return nil, err
		}
		for _, userID := range found {
			members[pair{user: userID, organization: organizationID}] = true
		}
	}
	return members, nil
}
