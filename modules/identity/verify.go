package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
)

// RequestVerification has the mail that verifies an address sent again, if the address has
// an account that waits for it. Nobody is told whether it has. What is no address is a
// validation error.
func (s *Service) RequestVerification(ctx context.Context, email string, client authn.Client) error {
	return s.request(ctx, PurposeVerify, email, client)
}

// request keeps a wish for mail to the address.
func (s *Service) request(ctx context.Context, purpose Purpose, email string, client authn.Client) error {
	address, ok := ParseEmail(email)
	if !ok {
		return apperr.Field("email", "Not a valid email address.")
	}
	return s.postman.ask(ctx, purpose, address, client)
}

// VerifyEmail uses up a token that was mailed to verify an address, or to change to it, and
// returns the account as it is then. It is a validation error for what has not the form of a
// token, [ErrTokenGone] for one that cannot be used, and [ErrEmailTaken] when somebody else
// has got the new address meanwhile. It signs nobody in.
func (s *Service) VerifyEmail(ctx context.Context, token string) (authn.Account, error) {
	hash, ok := parseToken(token)
	if !ok {
		return authn.Account{}, errMalformedToken
	}
	var after authn.Account
	seen, _, err := s.openToken(ctx, hash, PurposeVerify)
	if err == nil {
		err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			t, held, err := s.redeem(ctx, tx, hash, seen)
			if err != nil {
				return err
			}
			r, err := s.confirm(ctx, tx, held.userRow, &t)
			if err != nil {
				return err
			}
			after, err = r.account()
			return err
		})
		err = s.resolveVerified(ctx, err, &seen)
	}
	if err != nil {
		f := events.Fact{Action: ActionEmailVerify, ResourceType: "user", ResourceID: seen.UserID}
		if seen.Purpose == PurposeChange {
			f.Action = ActionEmailChange
		}
		s.refusal(ctx, f, err)
		return authn.Account{}, err
	}
	return after, nil
}

// confirm does what a token says that was used up.
func (s *Service) confirm(ctx context.Context, tx bun.Tx, r userRow, t *tokenRow) (userRow, error) {
	if t.Purpose == PurposeChange {
		return s.replaceEmail(ctx, tx, r, t.Email)
	}
	if err := s.firstProof(ctx, tx, r); err != nil {
		return r, err
	}
	return s.markVerified(ctx, tx, r, r.ID)
}

// firstProof ends what was set up in an account, other than its password, before anybody
// proved that its address is theirs: whoever registered somebody else's address may have
// prepared a way back in that outlives a new password. It stays when the proof comes from a
// session of the account, whose user then did both.
func (s *Service) firstProof(ctx context.Context, tx bun.Tx, r userRow) error {
	p, ok := authn.PrincipalFrom(ctx)
	if r.EmailVerified || ok && p.UserID == r.ID {
		return nil
	}
	return s.bus.Publish(ctx, tx, events.AddressProved{UserID: r.ID})
}

// markVerified notes that the address of a user, who is held, is theirs. actorID is who
// says so; empty for an operator.
func (s *Service) markVerified(ctx context.Context, tx bun.Tx, r userRow, actorID string) (userRow, error) {
	if r.EmailVerified {
		return r, nil
	}
	r, err := s.store.changeEmail(ctx, tx, r.ID, r.Email, s.now())
	if err != nil {
		return r, fmt.Errorf("identity: verify an address: %w", err)
	}
	f := about(ActionEmailVerify, r.ID)
	f.ActorID = actorID
	return r, s.publishChange(ctx, tx, r.ID, f)
}

// publishChange tells everybody that a user is not who they were, and records why.
func (s *Service) publishChange(ctx context.Context, tx bun.Tx, userID string, f events.Fact) error {
	if err := s.invalidation.Record(ctx, tx, stale(userID)); err != nil {
		return err
	}
	if err := s.bus.Publish(ctx, tx, events.UserChanged{UserID: userID}); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, f)
}

// resolveVerified finds out what became of a transaction whose commit was not answered: the
// token is used up and the address is the account's, verified, or not.
func (s *Service) resolveVerified(ctx context.Context, err error, seen *tokenRow) error {
	var unknown *database.CommitUnknown
	if !errors.As(err, &unknown) {
		return err
	}
	r, lost := s.store.find(ctx, seen.UserID)
	if lost != nil || !r.EmailVerified || r.Email != seen.Email {
		return err
	}
	return nil
}
