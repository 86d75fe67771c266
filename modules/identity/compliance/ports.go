package compliance

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
)

// Members knows who belongs to which organization. tenancy's Directory is one.
type Members interface {
	// MembersAfter returns up to limit ids of an organization's members above the given one,
	// in their order. There are none when the organization is gone.
	MembersAfter(ctx context.Context, db bun.IDB, organizationID, after string, limit int) ([]string, error)
	// MembersAmong returns those of the users, at most 500, who belong to an organization, in
	// one statement. There are none when the organization is gone.
	MembersAmong(ctx context.Context, db bun.IDB, organizationID string, userIDs []string) ([]string, error)
	// MembershipOf returns a member of an organization, [apperr.ErrNotFound] when they are
	// none.
	MembershipOf(ctx context.Context, db bun.IDB, organizationID, userID string) (authn.Membership, error)
	// Belongings returns what a user belongs to, the oldest membership first.
	Belongings(ctx context.Context, db bun.IDB, userID string) ([]authn.Affiliation, error)
	// NameOf returns the name of an organization, [apperr.ErrNotFound] when it is gone.
	NameOf(ctx context.Context, db bun.IDB, organizationID string) (string, error)
}

// People knows users. identity's Directory is one.
type People interface {
	// PeopleOf returns the users with the ids that there are, by id, in one statement for up
	// to 500.
	PeopleOf(ctx context.Context, db bun.IDB, ids []string) (map[string]authn.Person, error)
}

// Users holds the accounts that are judged.
type Users interface {
	// HoldUsers holds the users until tx ends, in the order of their ids, and returns the
	// status of those that there are. Nobody signs them in, changes their factors or deletes
	// them meanwhile. One statement for up to 500.
	HoldUsers(ctx context.Context, tx bun.Tx, ids []string) (map[string]string, error)
	// SetSuspended has users who are active be compliance_suspended, or the other way round.
	// Their sessions live on. Users of another status stay what they are. It returns whose
	// status changed. What is remembered of them is stale then.
	SetSuspended(ctx context.Context, tx bun.Tx, ids []string, suspended bool) ([]string, error)
	// Restrict sets from when users, who are held, may do nothing but enroll a factor; the zero
	// time is never. It is kept with the user (identity_users.restricted_from), so that every
	// sign-in and every session reads it together with the user, and what is remembered of
	// them is stale then. One statement for each instant.
	Restrict(ctx context.Context, tx bun.Tx, from map[string]time.Time) error
}

// Held is which factors a user has.
type Held struct{ TOTP, Passkey bool }

// Factors knows which factors users have. Read under a hold of the users it is what they
// have until the transaction ends.
type Factors interface {
	// FactorsOf returns the verified factors of users, in one statement for up to 500. Users
	// without any may be left out.
	FactorsOf(ctx context.Context, db bun.IDB, ids []string) (map[string]Held, error)
}

// Notice is a mail that tells a user what an organization asks of them.
type Notice struct {
	// Purpose is its kind in the outbox.
	Purpose, Subject string
	Lines            []string
}

// Notices writes to users.
type Notices interface {
	// Tell sends the notice in tx. An address that takes no mail is no error.
	Tell(ctx context.Context, tx bun.Tx, email string, n Notice) error
}
