package tenancy

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
)

// seedOrder puts organizations after the users of identity.
const seedOrder = 20

// sample is an organization of the sample data.
type sample struct {
	name, slug, description string
	members                 []sampleMember
}

// sampleMember is a member of a sample; the first is the owner.
type sampleMember struct {
	email string
	role  Role
}

// samples are the organizations to try the system out with.
func samples() []sample {
	return []sample{
		{"Acme Corporation", "acme-corp", "A large enterprise that makes everything.", []sampleMember{
			{"admin@acme-corp.com", RoleOwner},
			{"carol@acme-corp.com", RoleAdmin},
			{"bob@acme-corp.com", RoleMember},
			{"charlie@cross-org.com", RoleGuest},
		}},
		{"Tech Startup Inc", "tech-startup", "A young company that moves fast.", []sampleMember{
			{"superadmin@acme-corp.com", RoleOwner},
			{"frank@tech-startup.com", RoleAdmin},
			{"grace@tech-startup.com", RoleMember},
			{"charlie@cross-org.com", RoleMember},
		}},
		{"Data Systems Inc", "data-systems", "A provider of data and analytics.", []sampleMember{
			{"admin@acme-corp.com", RoleOwner},
			{"iris@data-systems.com", RoleMember},
			{"jack@data-systems.com", RoleMember},
		}},
	}
}

// Seed adds the sample organizations that are not there yet and tells progress in
// sentences. It finds the sample users; members who are not there are left out, and an
// organization without its owner is not made.
func (s *Service) Seed(ctx context.Context, progress func(string)) error {
	all := samples()
	for i, one := range all {
		what, err := s.seedOne(ctx, one)
		if err != nil {
			return fmt.Errorf("tenancy: seed %s: %w", one.slug, err)
		}
		progress(fmt.Sprintf("organizations %d/%d: %s %s", i+1, len(all), one.slug, what))
	}
	return nil
}

// seedOne adds a sample organization with its members unless the slug is taken, and says
// what it did.
func (s *Service) seedOne(ctx context.Context, one sample) (what string, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		people := make([]string, 0, len(one.members))
		for _, m := range one.members {
			userID, err := s.sampleUser(ctx, tx, m.email)
			if err != nil {
				return err
			}
			people = append(people, userID)
		}
		if people[0] == "" {
			what = "has no owner among the users and is left out"
			return nil
		}
		now := s.now()
		o := Organization{ID: s.ids.New(), Name: one.name, Slug: one.slug, Description: &one.description, CreatedAt: now, UpdatedAt: now}
		if _, err := s.found(ctx, tx, o, true); errors.Is(err, ErrSlugTaken) {
			what = "is there already"
			return nil
		} else if err != nil {
			return err
		}
		what = "added"
		return s.seedMembers(ctx, tx, o, one.members, people)
	})
	return what, err
}

// sampleUser returns the id of a user and holds them; empty when there is none.
func (s *Service) sampleUser(ctx context.Context, tx bun.Tx, email string) (string, error) {
	p, err := s.people.PersonByEmail(ctx, tx, email)
	if err == nil {
		err = s.people.HoldUser(ctx, tx, p.ID)
	}
	if errors.Is(err, apperr.ErrNotFound) {
		return "", nil
	}
	return p.ID, err
}

// seedMembers adds the members whose users there are.
func (s *Service) seedMembers(ctx context.Context, tx bun.Tx, o Organization, members []sampleMember, people []string) error {
	if err := s.bus.Publish(ctx, tx, aboutOrganization(ActionCreate, "", o.ID, map[string]string{"slug": o.Slug})); err != nil {
		return err
	}
	for i, m := range members {
		if people[i] == "" {
			continue
		}
		r := memberRow{OrganizationID: o.ID, UserID: people[i], Role: m.role}
		if i > 0 {
			r.InvitedByID, r.InvitedAt = &people[0], o.CreatedAt
		}
		r, _, err := s.join(ctx, tx, r)
		if err != nil {
			return err
		}
		if i == 0 {
			continue // the fact of the organization tells of its owner
		}
		what := map[string]string{"role": string(m.role)}
		if err := s.bus.Publish(ctx, tx, aboutMember(ActionMemberAdd, "", r, what)); err != nil {
			return err
		}
	}
	return nil
}
