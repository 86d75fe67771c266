package identity

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/secret"
)

var (
	_ factor.Accounts    = Owners{}
	_ factor.Proof       = Owners{}
	_ factor.Credentials = Owners{}
	_ factor.Notices     = Owners{}
)

// Owners shows second factors the accounts that they belong to.
type Owners struct{ service *Service }

// NewOwners returns the owners that the service knows.
func NewOwners(s *Service) Owners { return Owners{s} }

// Account is part of [factor.Accounts].
func (o Owners) Account(ctx context.Context, userID string) (authn.Account, error) {
	r, err := o.service.store.find(ctx, userID)
	switch {
	case database.IsNotFound(err):
		return authn.Account{}, apperr.ErrNotFound
	case err != nil:
		return authn.Account{}, fmt.Errorf("identity: find a user: %w", err)
	}
	return r.account()
}

// HoldAccount is part of [factor.Accounts].
func (o Owners) HoldAccount(ctx context.Context, tx bun.Tx, userID string) (authn.Account, error) {
	held, err := o.service.store.holdUser(ctx, tx, userID)
	switch {
	case database.IsNotFound(err):
		return authn.Account{}, apperr.ErrNotFound
	case err != nil:
		return authn.Account{}, fmt.Errorf("identity: hold a user: %w", err)
	}
	return held.account()
}

// CheckOwnPassword is part of [factor.Proof].
func (o Owners) CheckOwnPassword(ctx context.Context, userID string, password secret.String, client authn.Client) (authn.Account, error) {
	proved, err := o.service.prove(ctx, userID, password, client, true)
	if err != nil {
		return authn.Account{}, err
	}
	return proved.account()
}

// CredentialsChanged is part of [factor.Credentials].
func (o Owners) CredentialsChanged(ctx context.Context, tx bun.Tx, c factor.Change) error {
	if err := o.FactorsChanged(ctx, tx, c.UserID, c.SecondFactor); err != nil {
		return err
	}
	return o.service.bus.Publish(ctx, tx, events.CredentialChanged{UserID: c.UserID, KeepSessionID: c.KeepSessionID, Method: c.Method, Reason: c.Reason})
}

// FactorsChanged is part of [factor.Credentials].
func (o Owners) FactorsChanged(ctx context.Context, tx bun.Tx, userID string, secondFactor bool) error {
	if err := o.service.store.raise(ctx, tx, userID, secondFactor); err != nil {
		return fmt.Errorf("identity: raise a credential version: %w", err)
	}
	if err := o.service.invalidation.Record(ctx, tx, stale(userID)); err != nil {
		return err
	}
	return o.service.bus.Publish(ctx, tx, events.FactorsChanged{UserID: userID})
}

// Tell is part of [factor.Notices].
func (o Owners) Tell(ctx context.Context, tx bun.Tx, email string, n factor.Notice) error {
	return o.service.postman.tell(ctx, tx, email, notice{purpose: n.Purpose, subject: n.Subject, lines: n.Lines, alarm: n.Alarm})
}
