package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// personColumns are those of an authn.Person, in the order of personFields.
const personColumns = `id, email, email_verified, full_name, avatar_url, status`

// peopleBatch is how many people one statement reads.
const peopleBatch = 500

func personFields(p *authn.Person) []any {
	return []any{&p.ID, &p.Email, &p.EmailVerified, &p.FullName, &p.AvatarURL, &p.Status}
}

// PeopleOf returns the users with the ids that there are, by id. It reads through on: a
// transaction or the read pool, in one statement for every 500 ids.
func (d *Directory) PeopleOf(ctx context.Context, on bun.IDB, ids []string) (map[string]authn.Person, error) {
	people := make(map[string]authn.Person, len(ids))
	for batch := range slices.Chunk(ids, peopleBatch) {
		if err := d.addPeople(ctx, on, batch, people); err != nil {
			return nil, fmt.Errorf("identity: find people: %w", err)
		}
	}
	return people, nil
}

func (d *Directory) addPeople(ctx context.Context, on bun.IDB, ids []string, people map[string]authn.Person) error {
	rows, err := on.NewSelect().Table("identity_users").ColumnExpr(personColumns).Where("id IN (?)", bun.List(ids)).Rows(ctx)
	if err != nil {
		return database.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var p authn.Person
		if err := rows.Scan(personFields(&p)...); err != nil {
			return database.Translate(err)
		}
		people[p.ID] = p
	}
	return database.Translate(rows.Err())
}

// PersonByEmail returns the user with the address, in any case and normalization,
// [apperr.ErrNotFound] when there is none. It reads through on in one statement.
func (d *Directory) PersonByEmail(ctx context.Context, on bun.IDB, email string) (authn.Person, error) {
	var p authn.Person
	address, ok := ParseEmail(email)
	if !ok {
		return p, apperr.ErrNotFound
	}
	err := d.store.person.On(on).QueryRow(ctx, address).Scan(personFields(&p)...)
	switch {
	case database.IsNotFound(err):
		return p, apperr.ErrNotFound
	case err != nil:
		return p, fmt.Errorf("identity: find a person by email: %w", err)
	}
	return p, nil
}

// HoldUser keeps the user from being deleted until tx ends, and from nothing else: on
// PostgreSQL the lock conflicts with that of a deletion alone. It is [apperr.ErrNotFound]
// when they are gone, also when a deletion that it waited for took them away.
func (d *Directory) HoldUser(ctx context.Context, tx bun.Tx, userID string) error {
	var found string
	err := d.store.keep.In(tx).QueryRow(ctx, userID).Scan(&found)
	switch {
	case database.IsNotFound(err):
		return apperr.ErrNotFound
	case err != nil:
		return fmt.Errorf("identity: hold a user: %w", err)
	}
	return nil
}

// UsersDeleted returns up to limit marks of deleted users after the given one, oldest
// first; the zero mark comes before all. A mark is as old as the beginning of its
// transaction, so that one may still appear before another that was read: who must miss
// none begins again a minute before where they stopped.
func (d *Directory) UsersDeleted(ctx context.Context, on bun.IDB, after authn.DeletionMark, limit int) ([]authn.DeletionMark, error) {
	if after.ID == "" {
		after.ID = noID
	}
	var marks []authn.DeletionMark
	err := d.store.deleted.On(on).Query(ctx, func(scan func(...any) error) error {
		var m authn.DeletionMark
		if err := scan(database.Time(&m.At), &m.ID); err != nil {
			return err
		}
		marks = append(marks, m)
		return nil
	}, database.Canonical(after.At), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("identity: read marks of deletions: %w", err)
	}
	return marks, nil
}
