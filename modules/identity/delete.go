package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/secret"
)

// Deletion is a user's wish to end their account.
type Deletion struct {
	// Current is the user's password; it may be empty for users who have none.
	Current secret.String
	// Precondition is asked once the user is held.
	Precondition Precondition
	Client       authn.Client
}

// Delete ends the account of the principal's user and everything that belongs to it, in
// one transaction. A wrong password is [apperr.ErrAuthentication] and counts towards the
// account's limit; a veto of a [UserDeletionGuard] is returned as it is.
func (s *Service) Delete(ctx context.Context, p *authn.Principal, d Deletion) error {
	err := s.delete(ctx, p, d)
	if err != nil {
		s.refusal(ctx, about(ActionDelete, p.UserID), err)
	}
	return err
}

func (s *Service) delete(ctx context.Context, p *authn.Principal, d Deletion) error {
	userID := p.UserID
	proved, err := s.prove(ctx, userID, d.Current, d.Client, false)
	switch {
	case err != nil:
		return err
	case proved.hash == "" && !p.Fresh(s.clock.Now()):
		return p.StepUpRequired() // there was no password that could take its place
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.known(s.store.holdDoomed(ctx, tx, userID))
		if err != nil {
			return err
		}
		if held.CredentialVersion != proved.CredentialVersion {
			return errWrongPassword
		}
		if err := d.Precondition(held.etag()); err != nil {
			return err
		}
		return s.remove(ctx, tx, held.userRow, userID)
	})
}

// remove asks the guards, has every module remove what belongs to the user, who is held,
// and removes the user. What is left is an id in identity_deletions. The address is
// forgotten with its account where it was proved or an operator decides: anybody can
// register the address of somebody else, whose invitations and enquiries are not theirs to
// remove.
func (s *Service) remove(ctx context.Context, tx bun.Tx, r userRow, actorID string) error {
	for _, guard := range s.guards {
		if err := guard.CheckUserDeletion(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	gone := events.UserDeleted{UserID: r.ID}
	if r.EmailVerified || actorID != r.ID {
		gone.Email = r.Email
	}
	if err := s.bus.Publish(ctx, tx, gone); err != nil {
		return err
	}
	if err := s.store.delete(ctx, tx, r.ID, s.now()); err != nil {
		return err
	}
	if err := s.invalidation.Record(ctx, tx, stale(r.ID)); err != nil {
		return err
	}
	f := about(ActionDelete, r.ID)
	f.ActorID = actorID
	return s.bus.Publish(ctx, tx, f)
}
