package identity

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/secret"
)

// maxName is the longest full name, in characters.
const maxName = 255

var _ authn.Registrar = (*Registrar)(nil)

// Registrar makes accounts, in the one way there is: [Service] registers with it, and so do
// modules that bring people in. It needs no sessions and no guards of deletion, so that
// the modules that give those can need it.
type Registrar struct {
	store     *store
	clock     clock.Clock
	ids       id.Source
	passwords *crypto.Passwords
	rules     *Rules
	bus       *events.Bus
}

// NewRegistrar returns the registrar of the users in db.
func NewRegistrar(db *database.DB, c clock.Clock, ids id.Source, passwords *crypto.Passwords, rules *Rules, bus *events.Bus) *Registrar {
	return &Registrar{store: newStore(db), clock: c, ids: ids, passwords: passwords, rules: rules, bus: bus}
}

// PrepareAccount judges a new account by the rules of registration and hashes its password.
// What it returns adds the user, publishes events.UserRegistered and the fact of it, in the
// transaction it is given, which may be tried again; a taken address is [ErrEmailTaken].
func (g *Registrar) PrepareAccount(ctx context.Context, n authn.NewAccount) (authn.CreateAccount, error) {
	email, complaints, err := g.complaints(Registration{Email: n.Email, FullName: n.FullName, Password: n.Password, Confirm: n.Confirm})
	if err == nil {
		err = apperr.Fields(complaints)
	}
	if err != nil {
		return nil, err
	}
	hash, err := g.passwords.Hash(ctx, n.Password)
	if err != nil {
		return nil, err
	}
	r := g.newUser(email, n.FullName)
	r.EmailVerified = n.EmailVerified
	return func(ctx context.Context, tx bun.Tx) (authn.Account, error) {
		if err := g.announce(ctx, tx, r, hash, r.ID); err != nil {
			return authn.Account{}, err
		}
		return r.account()
	}, nil
}

// now is the time as it is stored.
func (g *Registrar) now() time.Time { return database.Canonical(g.clock.Now()) }

// complaints returns the normalized email and what is wrong with a registration, by field.
func (g *Registrar) complaints(in Registration) (string, map[string][]string, error) {
	complaints := map[string][]string{}
	email, ok := ParseEmail(in.Email)
	if !ok {
		complaints["email"] = []string{"Not a valid email address."}
	}
	if !validName(in.FullName) {
		complaints["full_name"] = []string{fmt.Sprintf("Must be at most %d characters without control characters.", maxName)}
	}
	err := g.checkNew(complaints, "password", in.Password, in.Confirm, email)
	return email, complaints, err
}

// validName reports whether a full name can be stored and shown. Clients' names were judged
// by the document before; those of the command line were not.
func validName(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}

// checkNew adds what is wrong with a new password in the field and its confirmation.
func (g *Registrar) checkNew(complaints map[string][]string, field string, password, confirm secret.String, email string) error {
	wrong, err := g.rules.Check(password, email)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		complaints[field] = wrong
	}
	if !samePassword(password, confirm) {
		complaints[field+"_confirm"] = []string{"The passwords do not match."}
	}
	return nil
}

// newUser returns the row of a new, active user.
func (g *Registrar) newUser(email, fullName string) *userRow {
	now := g.now()
	r := &userRow{ID: g.ids.New(), Email: email, Status: StatusActive, CredentialVersion: 1, Version: 1, CreatedAt: now, UpdatedAt: now}
	if fullName != "" {
		r.FullName = &fullName
	}
	return r
}

// announce adds the user and publishes that they exist. actorID is who made them; empty
// for an operator.
func (g *Registrar) announce(ctx context.Context, tx bun.Tx, r *userRow, hash, actorID string) error {
	if err := g.store.add(ctx, tx, r, hash); err != nil {
		return err
	}
	if err := g.bus.Publish(ctx, tx, events.UserRegistered{UserID: r.ID, Email: r.Email}); err != nil {
		return err
	}
	f := about(ActionRegister, r.ID)
	f.ActorID = actorID
	return g.bus.Publish(ctx, tx, f)
}
