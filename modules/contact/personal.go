package contact

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
)

// exportLimit bounds how many enquiries an export of somebody's data holds. Anybody can
// write in anybody's name.
const exportLimit = 1000

// Exported is the section of an export of somebody's data: the enquiries of their address,
// newest first.
type Exported struct {
	Enquiries []Enquiry `json:"enquiries"`
	// Cut is true when there are more than an export holds.
	Cut bool `json:"cut"`
}

// export gives the section. Whoever has not proved that the address is theirs is shown
// nothing that was sent from it.
func (s *Service) export(ctx context.Context, userID string) (any, error) {
	people, err := s.people.PeopleOf(ctx, s.db.Read(), []string{userID})
	if err != nil {
		return nil, fmt.Errorf("contact: export a user: %w", err)
	}
	out := Exported{Enquiries: []Enquiry{}}
	person, known := people[userID]
	if !known || !person.EmailVerified || person.Email == "" {
		return out, nil
	}
	list, err := s.store.page(ctx, Filter{Email: person.Email}, nil, exportLimit+1)
	if err != nil {
		return nil, err
	}
	if len(list) > exportLimit {
		list, out.Cut = list[:exportLimit], true
	}
	out.Enquiries = list
	return out, nil
}

// forgetUser removes what the address of a deleted account sent.
func (s *Service) forgetUser(ctx context.Context, tx bun.Tx, e events.UserDeleted) error {
	return s.store.removeOf(ctx, tx, e.Email)
}
