package compliance

import (
	"context"
	"fmt"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// MaxList is how many members one list has at most.
const MaxList = 100

// Filter is which members are wanted.
type Filter struct {
	// Status is empty for every status.
	Status Status
	// Limit is from 1 to [MaxList]; zero is that many.
	Limit int
	// Offset is how many to leave out at the start.
	Offset int
}

// complaints says what is wrong with the filter.
func (f Filter) complaints() map[string][]string {
	found := map[string][]string{}
	if f.Status != "" && !f.Status.Valid() {
		found["status"] = []string{"Must be one of: not_applicable, compliant, pending, in_grace, past_due, suspended."}
	}
	if f.Limit < 0 || f.Limit > MaxList {
		found["limit"] = []string{"Must be greater than or equal to 1 and less than or equal to 100."}
	}
	if f.Offset < 0 {
		found["offset"] = []string{"Must be greater than or equal to 0."}
	}
	return found
}

// MemberCompliance is how a member stands to what their organization asks.
type MemberCompliance struct {
	UserID   string
	Email    string
	FullName *string
	Status   Status
	// DeadlineAt is nil while nothing is missing, AppliedAt while nothing is asked.
	DeadlineAt, AppliedAt    *time.Time
	CompliantAt, SuspendedAt *time.Time
	NotificationCount        int64
}

// List returns how the members of an organization stand to what it asks, those first who have
// been judged there for the shortest time. It takes three statements.
func (s *Service) List(ctx context.Context, userID, organizationID string, f Filter) ([]MemberCompliance, error) {
	m, err := s.authorizer.Authorize(ctx, s.db.Read(), userID, organizationID, authn.PermissionPoliciesRead)
	if err != nil {
		return nil, err
	}
	if err := apperr.Fields(f.complaints()); err != nil {
		return nil, err
	}
	if f.Limit == 0 {
		f.Limit = MaxList
	}
	rows, err := s.rows.list(ctx, m.OrganizationID, f, s.now())
	if err != nil {
		return nil, err
	}
	list := make([]MemberCompliance, 0, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.UserID
	}
	people, err := s.people.PeopleOf(ctx, s.db.Read(), ids)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if p, ok := people[r.UserID]; ok { // who is gone meanwhile is about to go here too
			r.Email, r.FullName = p.Email, p.FullName
			list = append(list, r)
		}
	}
	return list, nil
}

// list returns a page of an organization's members, without what only people say.
func (s *memberStore) list(ctx context.Context, organizationID string, f Filter, now time.Time) (list []MemberCompliance, err error) {
	err = s.page.Query(ctx, func(scan func(...any) error) error {
		var r MemberCompliance
		err := scan(&r.UserID, &r.Status, instant{&r.DeadlineAt}, instant{&r.AppliedAt}, instant{&r.CompliantAt}, instant{&r.SuspendedAt}, &r.NotificationCount)
		list = append(list, r)
		return err
	}, now, organizationID, string(f.Status), string(f.Status), f.Limit, f.Offset)
	if err != nil {
		return nil, fmt.Errorf("compliance: list members: %w", database.Translate(err))
	}
	return list, nil
}
