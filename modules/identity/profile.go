package identity

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
)

// Change is a wish for one text of a profile. The zero value leaves it; a nil Value clears
// it.
type Change struct {
	Set   bool
	Value *string
}

// apply returns the text after the change.
func (c Change) apply(old *string) *string {
	if c.Set {
		return c.Value
	}
	return old
}

// Precondition says whether a user with the entity tag is still the one that the client
// saw; its error is the answer when not.
type Precondition func(etag string) error

// ProfileChange is a change of a profile.
type ProfileChange struct {
	FullName, AvatarURL Change
	Precondition        Precondition
}

// ChangeProfile changes a user's own profile and returns the account as it is then.
func (s *Service) ChangeProfile(ctx context.Context, userID string, c ProfileChange) (authn.Account, error) {
	var after authn.Account
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.hold(ctx, tx, userID)
		if err != nil {
			return err
		}
		if err := c.Precondition(held.etag()); err != nil {
			return err
		}
		r, err := s.applyProfile(ctx, tx, held.userRow, c)
		if err != nil {
			return err
		}
		after, err = r.account()
		return err
	})
	return after, err
}

// applyProfile writes what is different and tells everybody.
func (s *Service) applyProfile(ctx context.Context, tx bun.Tx, r userRow, c ProfileChange) (userRow, error) {
	name, picture := c.FullName.apply(r.FullName), c.AvatarURL.apply(r.AvatarURL)
	if same(name, r.FullName) && same(picture, r.AvatarURL) {
		return r, nil
	}
	r, err := s.store.changeProfile(ctx, tx, r.ID, name, picture, s.now())
	if err != nil {
		return r, fmt.Errorf("identity: change a profile: %w", err)
	}
	if err := s.invalidation.Record(ctx, tx, stale(r.ID)); err != nil {
		return r, err
	}
	if err := s.bus.Publish(ctx, tx, events.UserChanged{UserID: r.ID}); err != nil {
		return r, err
	}
	return r, s.bus.Publish(ctx, tx, about(ActionUpdate, r.ID))
}

// hold holds the user of a session.
func (s *Service) hold(ctx context.Context, tx bun.Tx, userID string) (credential, error) {
	return s.known(s.store.holdUser(ctx, tx, userID))
}

// known judges what became of holding the user of a session. One who is gone has no
// session any more either.
func (s *Service) known(held credential, err error) (credential, error) {
	switch {
	case database.IsNotFound(err):
		return held, apperr.ErrInvalidToken
	case err != nil:
		return held, fmt.Errorf("identity: hold a user: %w", err)
	}
	return held, nil
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
