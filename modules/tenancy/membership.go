package tenancy

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
)

// MemberQuery is which members are wanted: those after the one with the id After, without
// the first Offset.
type MemberQuery struct {
	After         string
	Offset, Limit int
}

// Members returns a page of an organization's members to one of them, the longest-serving
// first, and the id of the last when there are more. It takes two statements, however many
// there are. Memberships of users who are gone, which are about to go as well, are left out.
func (s *Service) Members(ctx context.Context, userID, organizationID string, q MemberQuery) (list []Member, next string, err error) {
	page := memberPage{after: q.After, offset: q.Offset, limit: q.Limit + 1}
	role, rows, err := s.store.listMembers(ctx, userID, organizationID, page)
	if err != nil {
		return nil, "", err
	}
	if err := judge(ctx, organizationID, role, authn.PermissionOrganizationRead); err != nil {
		return nil, "", err
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = rows[q.Limit-1].ID
	}
	list, err = s.show(ctx, s.db.Read(), rows)
	return list, next, err
}

// show puts the people to their memberships, in one statement.
func (s *Service) show(ctx context.Context, on bun.IDB, rows []memberRow) ([]Member, error) {
	list := make([]Member, 0, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.UserID
	}
	people, err := s.people.PeopleOf(ctx, on, ids)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if p, ok := people[r.UserID]; ok {
			list = append(list, r.member(p))
		}
	}
	return list, nil
}

// NewMember is somebody who becomes a member without being asked.
type NewMember struct {
	Email string
	Role  Role
}

// AddMember makes the user with the address a member. It is [apperr.ErrNotFound] when no
// user has it and [ErrMember] for a member; nobody gives a role above their own.
func (s *Service) AddMember(ctx context.Context, userID, organizationID string, n NewMember) (Member, error) {
	var member Member
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Judged before anything is told about the address, and again once all are held.
		m, err := s.directory.Authorize(ctx, tx, userID, organizationID, authn.PermissionMembersManage)
		if err != nil {
			return err
		}
		if err := Role(m.Role).mayTouch(n.Role); err != nil {
			return err
		}
		person, err := s.people.PersonByEmail(ctx, tx, n.Email)
		if err != nil {
			return err
		}
		if err := s.people.HoldUser(ctx, tx, person.ID); err != nil {
			return err
		}
		own, err := s.hold(ctx, tx, userID, organizationID, authn.PermissionMembersManage)
		if err != nil {
			return err
		}
		if err := own.mayTouch(n.Role); err != nil {
			return err
		}
		r := memberRow{OrganizationID: organizationID, UserID: person.ID, Role: n.Role, InvitedByID: &userID, InvitedAt: s.now()}
		r, added, err := s.join(ctx, tx, r)
		if err != nil {
			return err
		}
		if !added {
			return ErrMember
		}
		member = r.member(person)
		return s.bus.Publish(ctx, tx, aboutMember(ActionMemberAdd, userID, r, map[string]string{"role": string(r.Role)}))
	})
	return member, err
}

// RemoveMember ends a membership: somebody else's, for those who manage members, or one's
// own, which is leaving and open to all. Nobody removes somebody above themselves, and the
// last owner stays ([ErrLastOwner]).
func (s *Service) RemoveMember(ctx context.Context, userID, organizationID, memberID string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.holdMember(ctx, tx, userID, organizationID, memberID); err != nil {
			return err
		}
		own, err := s.hold(ctx, tx, userID, organizationID, authn.PermissionOrganizationLeave)
		if err != nil {
			return err
		}
		leaving := memberID == userID
		if !leaving {
			if err := judge(ctx, organizationID, own, authn.PermissionMembersManage); err != nil {
				return err
			}
		}
		r, err := s.touch(ctx, tx, own, memberID, organizationID)
		if err != nil {
			return err
		}
		if err := s.keepOwner(ctx, tx, r); err != nil {
			return err
		}
		if err := s.store.deleteMember(ctx, tx, memberID, organizationID); err != nil {
			return err
		}
		if err := s.withdrawInvites(ctx, tx, organizationID, memberID); err != nil {
			return err
		}
		if err := s.withdrawMade(ctx, tx, organizationID, memberID, ""); err != nil {
			return err
		}
		if err := s.stale(ctx, tx, memberID); err != nil {
			return err
		}
		if err := s.bus.Publish(ctx, tx, events.MembershipChanged{OrganizationID: organizationID, UserID: memberID}); err != nil {
			return err
		}
		metadata := map[string]string{"role": string(r.Role)}
		if leaving {
			metadata["left"] = "true"
		}
		return s.bus.Publish(ctx, tx, aboutMember(ActionMemberRemove, userID, r, metadata))
	})
}

// holdMember holds the user whose membership a member of the organization wants to end:
// users are held before organizations, and who hears of the end may change the user. One
// who is gone needs no hold. Somebody who is no member gets no lock.
func (s *Service) holdMember(ctx context.Context, tx bun.Tx, userID, organizationID, memberID string) error {
	if _, err := s.directory.Authorize(ctx, tx, userID, organizationID, authn.PermissionOrganizationLeave); err != nil {
		return err
	}
	if err := s.people.HoldUser(ctx, tx, memberID); err != nil && !errors.Is(err, apperr.ErrNotFound) {
		return err
	}
	return nil
}

// touch returns a membership that a member with the role may act on.
func (s *Service) touch(ctx context.Context, tx bun.Tx, own Role, memberID, organizationID string) (memberRow, error) {
	r, err := s.store.findMember(ctx, tx, memberID, organizationID)
	if err != nil {
		return r, err
	}
	return r, own.mayTouch(r.Role)
}

// keepOwner refuses to take the last owner from an organization that is held.
func (s *Service) keepOwner(ctx context.Context, tx bun.Tx, r memberRow) error {
	if r.Role != RoleOwner {
		return nil
	}
	has, err := s.store.hasOtherOwner(ctx, tx, r.OrganizationID, r.UserID)
	if err == nil && !has {
		err = ErrLastOwner
	}
	return err
}

// ChangeRole gives a member another role and returns the membership as it is then. Nobody
// acts on somebody above themselves or gives a role above their own; the last owner stays
// one ([ErrLastOwner]).
func (s *Service) ChangeRole(ctx context.Context, userID, organizationID, memberID string, role Role) (Member, error) {
	var member Member
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		own, err := s.hold(ctx, tx, userID, organizationID, authn.PermissionMembersManage)
		if err != nil {
			return err
		}
		r, err := s.touch(ctx, tx, own, memberID, organizationID)
		if err != nil {
			return err
		}
		if err := own.mayTouch(role); err != nil {
			return err
		}
		if old := r.Role; role != old {
			if err := s.keepOwner(ctx, tx, r); err != nil {
				return err
			}
			if err := s.assign(ctx, tx, &r, role); err != nil {
				return err
			}
			change := map[string]string{"from": string(old), "to": string(role)}
			if err := s.bus.Publish(ctx, tx, aboutMember(ActionRoleChange, userID, r, change)); err != nil {
				return err
			}
		}
		member, err = s.showOne(ctx, tx, r)
		return err
	})
	return member, err
}

// assign writes a member's role. What they invited others to and may not give any more is
// withdrawn.
func (s *Service) assign(ctx context.Context, tx bun.Tx, r *memberRow, role Role) error {
	r.Role, r.UpdatedAt = role, s.now()
	if err := s.store.updateRole(ctx, tx, *r); err != nil {
		return err
	}
	if err := s.withdrawMade(ctx, tx, r.OrganizationID, r.UserID, role); err != nil {
		return err
	}
	return s.stale(ctx, tx, r.UserID)
}
