package tenancy_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	migrations "github.com/authy2/backend/migrations/tenancy"
	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
)

// lines are the module's own tables and those of a small identity module.
func lines() []migrate.Line {
	return []migrate.Line{{Name: tenancy.Name, FS: migrations.FS}, {Name: "crowd", FS: fstest.MapFS{
		"20260101000000_create_crowd.tx.up.sql": {Data: []byte(`
CREATE TABLE crowd_users (id {{.UUID}} PRIMARY KEY, email TEXT NOT NULL UNIQUE);
--bun:split
CREATE TABLE crowd_deletions (user_id {{.UUID}} PRIMARY KEY, deleted_at {{.Timestamp}} NOT NULL);`)},
		"20260101000000_create_crowd.tx.down.sql": {Data: []byte("DROP TABLE crowd_deletions;\n--bun:split\nDROP TABLE crowd_users;")},
	}}}
}

// crowd is a small identity module: it knows users, holds them and leaves marks of those
// who are gone.
type crowd struct{ db *database.DB }

func (c *crowd) PeopleOf(ctx context.Context, db bun.IDB, ids []string) (map[string]authn.Person, error) {
	var rows []struct{ ID, Email string }
	if err := db.NewSelect().Table("crowd_users").Column("id", "email").Where("id IN (?)", bun.List(ids)).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	people := map[string]authn.Person{}
	for _, r := range rows {
		people[r.ID] = authn.Person{ID: r.ID, Email: r.Email, Status: "active"}
	}
	return people, nil
}

func (c *crowd) PersonByEmail(ctx context.Context, db bun.IDB, email string) (authn.Person, error) {
	p := authn.Person{Email: strings.ToLower(email), Status: "active"}
	err := db.NewSelect().Table("crowd_users").Column("id").Where("email = ?", p.Email).Scan(ctx, &p.ID)
	if database.IsNotFound(err) {
		return p, apperr.ErrNotFound
	}
	return p, err
}

func (c *crowd) HoldUser(ctx context.Context, tx bun.Tx, userID string) error {
	return c.hold(ctx, tx, userID, "KEY SHARE")
}

func (c *crowd) hold(ctx context.Context, tx bun.Tx, userID, lock string) error {
	q := tx.NewSelect().Table("crowd_users").Column("id").Where("id = ?", userID)
	if c.db.Dialect() == database.PostgreSQL {
		q = q.For(lock)
	}
	var found string
	if err := q.Scan(ctx, &found); database.IsNotFound(err) {
		return apperr.ErrNotFound
	} else if err != nil {
		return err
	}
	return nil
}

func (c *crowd) UsersDeleted(ctx context.Context, db bun.IDB, after authn.DeletionMark, limit int) (marks []authn.DeletionMark, err error) {
	rows, err := db.NewSelect().Table("crowd_deletions").Column("deleted_at", "user_id").
		Where("(deleted_at, user_id) > (?, ?)", after.At, after.ID).Order("deleted_at", "user_id").Limit(int64(limit)).Rows(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m authn.DeletionMark
		if err := rows.Scan(database.Time(&m.At), &m.ID); err != nil {
			return nil, err
		}
		marks = append(marks, m)
	}
	return marks, rows.Err()
}

// outbox takes mails and keeps none.
type outbox struct{}

func (outbox) Send(context.Context, bun.Tx, mail.Message) error { return nil }

// registrar makes no accounts.
type registrar struct{}

func (registrar) PrepareAccount(context.Context, authn.NewAccount) (authn.CreateAccount, error) {
	return nil, errors.New("no accounts here")
}

func (registrar) PasswordLength() (shortest, longest int) { return 8, 128 }

// facts remembers what was committed for the audit trail.
type facts struct {
	mu  sync.Mutex
	all []events.Fact
}

func (f *facts) hear(ctx context.Context, _ bun.Tx, fact events.Fact) error {
	database.AfterCommit(ctx, func(context.Context) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = append(f.all, fact)
	})
	return nil
}

// take returns the facts since it was last called.
func (f *facts) take(t testing.TB) []events.Fact {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.all
	f.all = nil
	for _, fact := range all {
		if !slices.Contains(tenancy.Actions(), fact.Action) {
			t.Errorf("the action %s is not declared", fact.Action)
		}
		if fact.OrganizationID == "" || !fact.Success {
			t.Errorf("a fact without organization or success: %+v", fact)
		}
	}
	return all
}

// house is the module on one backend.
type house struct {
	platformtest.Backend
	*tenancy.Service

	directory *tenancy.Directory
	people    *crowd
	facts     *facts
	parts     tenancy.Parts
}

const (
	systemIdle     = 15 * time.Minute
	systemAbsolute = 8 * time.Hour
)

func newHouse(t testing.TB, b platformtest.Backend, changes ...func(*tenancy.Parts)) *house {
	t.Helper()
	composer, err := mail.NewComposer(mail.Brand{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Backend: b, directory: tenancy.NewDirectory(b.DB), people: &crowd{b.DB}, facts: &facts{}}
	parts := tenancy.Parts{
		DB: b.DB, Directory: h.directory, People: h.people, Registrar: registrar{}, Issuer: authn.NoSessions{},
		Limits: tenancy.SystemLimits{Idle: systemIdle, Absolute: systemAbsolute}, Outbox: outbox{}, Composer: composer, Tokens: crypto.NewTokens(rand.Reader),
		Clock: b.Clock, IDs: id.Generator{}, Bus: b.Bus, Invalidation: b.Invalidation, Log: b.Log, PublicURL: "https://id.example.com",
	}
	for _, change := range changes {
		change(&parts)
	}
	h.parts = parts
	h.Service = tenancy.New(tenancy.DefaultConfig(), parts)
	b.Bus.Subscribe(b.Jobs, append(tenancy.Subscriptions(h.Service), events.On("test.hear_facts", h.facts.hear))...)
	return h
}

// user adds a user and returns their id.
func (h *house) user(t testing.TB, name string) string {
	t.Helper()
	return h.users(t, name)[0]
}

// users adds users and returns their ids.
func (h *house) users(t testing.TB, names ...string) []string {
	t.Helper()
	ids := make([]string, len(names))
	type row struct {
		bun.BaseModel `bun:"table:crowd_users"`

		ID, Email string
	}
	rows := make([]row, len(names))
	for i, name := range names {
		ids[i] = id.Generator{}.New()
		rows[i] = row{ID: ids[i], Email: name + "@example.com"}
	}
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&rows).Exec(ctx)
		return err
	})
	return ids
}

// change runs fn in a transaction that must succeed.
func (h *house) change(t testing.TB, fn func(context.Context, bun.Tx) error) {
	t.Helper()
	if err := h.DB.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// found founds an organization of the owner.
func (h *house) found(t testing.TB, ownerID, name string) tenancy.Organization {
	t.Helper()
	o, _, err := h.Create(t.Context(), ownerID, tenancy.NewOrganization{Name: name})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return o
}

// join makes a new user of the name a member and returns their id.
func (h *house) join(t testing.TB, ownerID, organizationID, name string, role tenancy.Role) string {
	t.Helper()
	userID := h.user(t, name)
	h.add(t, ownerID, organizationID, name, role)
	return userID
}

func (h *house) add(t testing.TB, ownerID, organizationID, name string, role tenancy.Role) {
	t.Helper()
	_, err := h.AddMember(t.Context(), ownerID, organizationID, tenancy.NewMember{Email: name + "@example.com", Role: role})
	if err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
}

// deleteUser deletes a user as identity does.
func (h *house) deleteUser(t testing.TB, userID string) error {
	t.Helper()
	return h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if err := h.people.hold(ctx, tx, userID, "UPDATE"); err != nil {
			return err
		}
		if err := h.directory.CheckUserDeletion(ctx, tx, userID); err != nil {
			return err
		}
		if err := h.Bus.Publish(ctx, tx, events.UserDeleted{UserID: userID, Email: "gone@example.com"}); err != nil {
			return err
		}
		return h.vanish(ctx, tx, userID)
	})
}

// vanish deletes a user while nobody listens.
func (h *house) vanish(ctx context.Context, tx bun.Tx, userID string) error {
	if _, err := tx.NewRaw("DELETE FROM crowd_users WHERE id = ?", userID).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewRaw("INSERT INTO crowd_deletions (user_id, deleted_at) VALUES (?, ?)", userID, database.Canonical(h.Clock.Now())).Exec(ctx)
	return err
}

// roles returns the roles of an organization's members by user.
func (h *house) roles(t testing.TB, organizationID string) map[string]tenancy.Role {
	t.Helper()
	var rows []struct {
		UserID string
		Role   tenancy.Role
	}
	err := h.DB.Read().NewSelect().Table("tenancy_members").Column("user_id", "role").Where("organization_id = ?", organizationID).Scan(t.Context(), &rows)
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]tenancy.Role{}
	for _, r := range rows {
		roles[r.UserID] = r.Role
	}
	return roles
}

// owners counts the owners of an organization.
func (h *house) owners(t testing.TB, organizationID string) (n int) {
	t.Helper()
	for _, role := range h.roles(t, organizationID) {
		if role == tenancy.RoleOwner {
			n++
		}
	}
	return n
}

// anyTag is a precondition that everything meets.
func anyTag(string) error { return nil }

// code returns the error type of an error; empty for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	return string(apperr.From(err).Code())
}

// together calls fn n times at once and returns the errors, in the order of the calls.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	group.Wait()
	return errs
}

// tally counts errors by type.
func tally(errs []error) map[string]int {
	counts := map[string]int{}
	for _, err := range errs {
		counts[code(err)]++
	}
	return counts
}

// count counts rows.
func (h *house) count(t testing.TB, table string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table(table).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// actionsOf joins the actions of facts.
func actionsOf(all []events.Fact) string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Action
	}
	return strings.Join(names, " ")
}

// crowdIn makes users members the quick way.
func (h *house) crowdIn(t testing.TB, organizationID string, userIDs []string) {
	t.Helper()
	type row struct {
		bun.BaseModel `bun:"table:tenancy_members"`

		ID, OrganizationID, UserID, Role string
		JoinedAt, CreatedAt, UpdatedAt   time.Time
	}
	now := database.Canonical(h.Clock.Now())
	rows := make([]row, len(userIDs))
	for i, userID := range userIDs {
		rows[i] = row{
			ID: id.Generator{}.New(), OrganizationID: organizationID, UserID: userID, Role: "member", JoinedAt: now, CreatedAt: now, UpdatedAt: now,
		}
	}
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&rows).Exec(ctx)
		return err
	})
}

// fresh returns a new id.
func (h *house) fresh() string { return id.Generator{}.New() }
