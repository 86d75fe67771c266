package compliance

import (
	"context"
	"slices"
	"time"

	"github.com/authy2/backend/platform/events"
)

// The statuses of users that matter here.
const (
	userActive    = "active"
	userSuspended = "compliance_suspended"
)

// clockSlack is how far the clock of another process may be ahead: a session may have been
// begun there under a deadline that has not passed here.
const clockSlack = 5 * time.Second

// binding is what the rows of a user make of them.
type binding struct {
	// from is when they may do nothing but enroll a factor; the zero time is never.
	from time.Time
	// suspended are the organizations in which they are.
	suspended []string
}

// bindings sums up rows by user.
func bindings(rows map[pair]Row) map[string]binding {
	all := map[string]binding{}
	for p, r := range rows {
		if !r.Status.Unsatisfied() || r.DeadlineAt == nil {
			continue
		}
		b := all[p.user]
		if b.from.IsZero() || r.DeadlineAt.Before(b.from) {
			b.from = *r.DeadlineAt
		}
		if r.Status == StatusSuspended {
			b.suspended = append(b.suspended, p.organization)
		}
		all[p.user] = b
	}
	return all
}

// binds reports whether a deadline has passed at the instant.
func (b binding) binds(now time.Time) bool { return !b.from.IsZero() && !b.from.After(now) }

// settle does what follows for the users from rows that were written: from when they are
// restricted, whether they are suspended, and that sessions are whole again.
func (s *Service) settle(ctx context.Context, b *batch) error {
	was, is := bindings(b.before), bindings(b.after)
	from := map[string]time.Time{}
	var suspend, restore []string
	for _, userID := range b.ids {
		if !was[userID].from.Equal(is[userID].from) {
			from[userID] = is[userID].from
		}
		switch {
		case len(is[userID].suspended) > 0 && b.statuses[userID] == userActive:
			suspend = append(suspend, userID)
		case len(is[userID].suspended) == 0 && b.statuses[userID] == userSuspended && b.judged[userID]:
			restore = append(restore, userID)
		}
	}
	if len(from) > 0 {
		if err := s.users.Restrict(ctx, b.tx, from); err != nil {
			return err
		}
	}
	if err := s.suspend(ctx, b, suspend); err != nil {
		return err
	}
	restored, err := s.restore(ctx, b, restore, was)
	if err != nil {
		return err
	}
	var lifted []string
	for _, userID := range b.ids {
		free := !is[userID].binds(b.now) && (b.statuses[userID] != userSuspended || slices.Contains(restored, userID))
		if free && (was[userID].binds(b.now.Add(clockSlack)) || slices.Contains(restored, userID)) {
			lifted = append(lifted, userID)
		}
	}
	if len(lifted) == 0 {
		return nil
	}
	return s.bus.Publish(ctx, b.tx, events.RestrictionLifted{UserIDs: lifted})
}

// suspend has users be suspended, and records every organization that suspends one more.
func (s *Service) suspend(ctx context.Context, b *batch, userIDs []string) error {
	if len(userIDs) > 0 {
		if _, err := s.users.SetSuspended(ctx, b.tx, userIDs, true); err != nil {
			return err
		}
	}
	for p, r := range b.after {
		if r.Status != StatusSuspended || b.before[p].Status == StatusSuspended {
			continue
		}
		if err := s.bus.Publish(ctx, b.tx, aboutMember(ActionSuspended, "", p.organization, p.user, nil)); err != nil {
			return err
		}
	}
	return nil
}

// restore has users be active again, and records it for every organization that had suspended
// them. It returns whom it restored.
func (s *Service) restore(ctx context.Context, b *batch, userIDs []string, was map[string]binding) ([]string, error) {
	if len(userIDs) == 0 {
		return nil, nil
	}
	restored, err := s.users.SetSuspended(ctx, b.tx, userIDs, false)
	if err != nil {
		return nil, err
	}
	for _, userID := range restored {
		places := was[userID].suspended
		if len(places) == 0 {
			places = []string{""}
		}
		for _, organizationID := range places {
			if err := s.bus.Publish(ctx, b.tx, aboutMember(ActionRestored, "", organizationID, userID, nil)); err != nil {
				return nil, err
			}
		}
	}
	return restored, nil
}
