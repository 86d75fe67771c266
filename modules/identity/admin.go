package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/secret"
)

// Admin is what an operator does with anybody's account.
type Admin struct{ service *Service }

// NewAdmin returns the operator's use cases.
func NewAdmin(s *Service) *Admin { return &Admin{s} }

// Find returns the user with the id or email address, [apperr.ErrNotFound] when there is
// none.
func (a *Admin) Find(ctx context.Context, name string) (User, error) {
	r, err := a.find(ctx, name)
	return r.user(), err
}

func (a *Admin) find(ctx context.Context, name string) (c credential, err error) {
	if email, ok := ParseEmail(name); ok {
		c, err = a.service.store.findByEmail(ctx, email)
	} else if userID, ok := id.Parse(name); ok {
		c, err = a.service.store.findCredential(ctx, userID)
	} else {
		return c, errNoUser
	}
	if database.IsNotFound(err) {
		return c, errNoUser
	}
	return c, err
}

// List returns up to limit users in the order of their ids, those after the given one.
func (a *Admin) List(ctx context.Context, after string, limit int) ([]User, error) {
	rows, err := a.service.store.list(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("identity: list users: %w", err)
	}
	users := make([]User, len(rows))
	for i := range rows {
		users[i] = rows[i].user()
	}
	return users, nil
}

// Create adds an active user. The password follows the rules of registration.
func (a *Admin) Create(ctx context.Context, email, fullName string, password secret.String) (User, error) {
	s := a.service
	email, err := s.checkRegistration(Registration{Email: email, FullName: fullName, Password: password, Confirm: password})
	if err != nil {
		return User{}, err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	r := s.newUser(email, fullName)
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.announce(ctx, tx, r, hash, "") })
	if err = s.resolve(ctx, err, r.ID); err != nil {
		return User{}, err
	}
	return r.user(), nil
}

// SetStatus gives a user another status. The sessions of a user who may not sign in any
// more end with the transaction.
func (a *Admin) SetStatus(ctx context.Context, name string, status Status) (User, error) {
	s := a.service
	found, err := a.find(ctx, name)
	if err != nil {
		return User{}, err
	}
	r := found.userRow
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.store.holdUser(ctx, tx, found.ID)
		if database.IsNotFound(err) {
			return apperr.ErrNotFound
		}
		if r = held.userRow; err != nil || r.Status == status {
			return err
		}
		if r, err = s.store.changeStatus(ctx, tx, r.ID, status, s.now()); err != nil {
			return fmt.Errorf("identity: change a status: %w", err)
		}
		if !status.mayRecover() {
			if err := s.tokens.drop(ctx, tx, r.ID); err != nil {
				return err
			}
		}
		if err := s.invalidation.Record(ctx, tx, stale(r.ID)); err != nil {
			return err
		}
		if err := s.bus.Publish(ctx, tx, events.UserStatusChanged{UserID: r.ID, Status: string(status)}); err != nil {
			return err
		}
		f := about(ActionStatusChange, r.ID)
		f.ActorID, f.Metadata = "", map[string]string{"status": string(status)}
		return s.bus.Publish(ctx, tx, f)
	})
	return r.user(), err
}

// SetPassword replaces a user's password and ends all of their sessions.
func (a *Admin) SetPassword(ctx context.Context, name string, password secret.String) error {
	s := a.service
	found, err := a.find(ctx, name)
	if err != nil {
		return err
	}
	complaints := map[string][]string{}
	if err := s.checkNew(complaints, "password", password, password, found.Email); err != nil {
		return err
	}
	if err := apperr.Fields(complaints); err != nil {
		return err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.store.holdUser(ctx, tx, found.ID)
		if database.IsNotFound(err) {
			return apperr.ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.replacePassword(ctx, tx, held, hash, "", "")
	})
}

// VerifyEmail notes that a user's address is theirs, on the operator's word.
func (a *Admin) VerifyEmail(ctx context.Context, name string) (User, error) {
	s := a.service
	found, err := a.find(ctx, name)
	if err != nil {
		return User{}, err
	}
	r := found.userRow
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.store.holdUser(ctx, tx, found.ID)
		if database.IsNotFound(err) {
			return apperr.ErrNotFound
		}
		if err != nil {
			return err
		}
		r, err = s.markVerified(ctx, tx, held.userRow, "")
		return err
	})
	return r.user(), err
}

// SendReset mails a user a link to choose a new password with, like one that they asked for
// themselves. A user who may not sign in gets none: that is an [apperr.ErrConflict].
func (a *Admin) SendReset(ctx context.Context, name string) error {
	s := a.service
	found, err := a.find(ctx, name)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.store.holdUser(ctx, tx, found.ID)
		switch {
		case database.IsNotFound(err):
			return apperr.ErrNotFound
		case err != nil:
			return err
		case s.postman.disabled:
			return errMailDisabled
		case !held.Status.mayRecover():
			return errNoRecovery
		}
		err = s.postman.sendToken(ctx, tx, &held.userRow, PurposeReset, held.Email)
		if errors.Is(err, errNoLetter) {
			return apperr.Field("email", "No mail can be sent to this address.")
		}
		if err != nil {
			return err
		}
		f := about(ActionPasswordResetRequest, held.ID)
		f.ActorID = ""
		return s.bus.Publish(ctx, tx, f)
	})
}

// Delete ends a user's account like the user would, without asking for a password. A veto
// of a [UserDeletionGuard] is returned as it is.
func (a *Admin) Delete(ctx context.Context, name string) error {
	s := a.service
	found, err := a.find(ctx, name)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.store.holdDoomed(ctx, tx, found.ID)
		if database.IsNotFound(err) {
			return apperr.ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.remove(ctx, tx, held.userRow, "")
	})
	if err != nil {
		f := about(ActionDelete, found.ID)
		f.ActorID = ""
		s.refusal(ctx, f, err)
	}
	return err
}
