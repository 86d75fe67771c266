package audit

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
)

// People knows users. identity's Directory is one.
type People interface {
	// PeopleOf returns the users with the ids that there are, by id, in one statement
	// through db: a transaction or the read pool.
	PeopleOf(ctx context.Context, db bun.IDB, ids []string) (map[string]authn.Person, error)
	// UsersDeleted returns up to limit marks of deleted users after the given one, oldest
	// first.
	UsersDeleted(ctx context.Context, db bun.IDB, after authn.DeletionMark, limit int) ([]authn.DeletionMark, error)
}

// NoPeople is People of a system without users.
type NoPeople struct{}

// PeopleOf returns nobody.
func (NoPeople) PeopleOf(context.Context, bun.IDB, []string) (map[string]authn.Person, error) {
	return map[string]authn.Person{}, nil
}

// UsersDeleted returns no marks.
func (NoPeople) UsersDeleted(context.Context, bun.IDB, authn.DeletionMark, int) ([]authn.DeletionMark, error) {
	return nil, nil
}
