package compliance

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

const (
	// remindEvery is how often the job reminds a member at most.
	remindEvery = 24 * time.Hour
	// remindPause is how soon somebody may be reminded again by an administrator.
	remindPause = time.Hour
)

var (
	errNothingMissing = apperr.ErrConflict.WithMessage("Nothing is missing that the member could be reminded of.")
	errReminded       = apperr.ErrConflict.WithMessage("The member was reminded within the last hour.")
	errNoMail         = apperr.ErrConflict.WithMessage("The member's account takes no mail: it is suspended or inactive.")
)

// Remind mails a member who misses something that the organization asks. It is
// [apperr.ErrNotFound] for nobody's member, and a conflict for somebody who misses nothing or
// was reminded within the last hour.
func (s *Service) Remind(ctx context.Context, actorID, organizationID, userID string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		m, err := s.authorizer.Authorize(ctx, tx, actorID, organizationID, authn.PermissionPoliciesManage)
		if err != nil {
			return err
		}
		p, err := parsePair(m.OrganizationID, userID)
		if err != nil {
			return err
		}
		return s.underHold(ctx, tx, []string{p.user}, func(b *batch) error {
			if _, err := s.memberUnderHold(ctx, b, p); err != nil {
				return err
			}
			policy, err := s.policies.find(ctx, tx, p.organization)
			if err != nil {
				return err
			}
			if err := b.learn(ctx, s.factors); err != nil {
				return err
			}
			b.judge(p, policy, b.row(p).Override)
			r := b.row(p)
			switch {
			case !r.Status.Unsatisfied():
				return errNothingMissing
			case r.LastNotifiedAt != nil && r.LastNotifiedAt.After(b.now.Add(-remindPause)):
				return errReminded
			}
			sent, err := s.remind(ctx, b, []pair{p}, m.UserID)
			if err == nil && sent == 0 {
				err = errNoMail
			}
			return err
		})
	})
}

// remindSoon reminds those of the members whose deadline is near and who were not reminded for
// a day.
func (s *Service) remindSoon(ctx context.Context, tx bun.Tx, list []pair) (sent int64, err error) {
	users, organizations := split(list)
	err = s.underHold(ctx, tx, users, func(b *batch) error {
		policies, err := s.policies.among(ctx, tx, organizations)
		if err != nil {
			return err
		}
		var due []pair
		for _, p := range list {
			r, ok := b.after[p]
			days := int64(DefaultNotifyDays)
			if policy, ok := policies[p.organization]; ok {
				days = policy.NotifyDays
			}
			if ok && r.remindable(days, policies[p.organization].Version, b.now) {
				due = append(due, p)
			}
		}
		if len(due) == 0 {
			return nil
		}
		if err := b.learn(ctx, s.factors); err != nil {
			return err
		}
		sent, err = s.remind(ctx, b, due, "")
		return err
	})
	return sent, err
}

// remindable reports whether the job reminds the member at the instant, under a policy of the
// version that begins days before the deadline.
func (r Row) remindable(days, version int64, now time.Time) bool {
	return r.Shown(version, now) == StatusInGrace && !r.DeadlineAt.After(now.Add(time.Duration(days)*day)) &&
		(r.LastNotifiedAt == nil || !r.LastNotifiedAt.After(now.Add(-remindEvery)))
}

// remind reminds members of what they miss, and returns how many it wrote to.
func (s *Service) remind(ctx context.Context, b *batch, list []pair, actorID string) (int64, error) {
	told, err := s.tell(ctx, b, list, func(r Row, organization string, missing []string) Notice {
		return reminder(organization, r.demand(), missing, *r.DeadlineAt, b.now)
	})
	if err != nil {
		return 0, err
	}
	for _, p := range told {
		r := b.after[p]
		r.LastNotifiedAt = &b.now
		r.NotificationCount++
		b.after[p] = r
		what := map[string]string{"number": strconv.FormatInt(r.NotificationCount, 10)}
		if err := s.bus.Publish(ctx, b.tx, aboutMember(ActionReminder, actorID, p.organization, p.user, what)); err != nil {
			return 0, err
		}
	}
	return int64(len(told)), nil
}

// tell writes to members whose factors are known, and returns to whom: nobody writes to
// accounts that somebody closed, nor for organizations that are gone.
func (s *Service) tell(
	ctx context.Context, b *batch, list []pair, notice func(r Row, organization string, missing []string) Notice,
) (told []pair, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	users, organizations := split(list)
	people, err := s.people.PeopleOf(ctx, b.tx, users)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, organizationID := range organizations {
		name, err := s.members.NameOf(ctx, b.tx, organizationID)
		if err != nil && !errors.Is(err, apperr.ErrNotFound) {
			return nil, err
		}
		names[organizationID] = name
	}
	for _, p := range list {
		person, known := people[p.user]
		status := b.statuses[p.user]
		if !known || names[p.organization] == "" || status == "suspended" || status == "inactive" {
			continue
		}
		r := b.after[p]
		n := notice(r, names[p.organization], r.demand().Missing(b.factors[p.user]))
		if err := s.notices.Tell(ctx, b.tx, person.Email, n); err != nil {
			return nil, err
		}
		told = append(told, p)
	}
	return told, nil
}

// split returns the users and the organizations of pairs, each once and in their order.
func split(list []pair) (users, organizations []string) {
	for _, p := range list {
		users, organizations = append(users, p.user), append(organizations, p.organization)
	}
	slices.Sort(users)
	slices.Sort(organizations)
	return slices.Compact(users), slices.Compact(organizations)
}
