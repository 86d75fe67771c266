package compliance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	usertables "github.com/authy2/backend/migrations/identity"
	factortables "github.com/authy2/backend/migrations/identitymfa"
	policytables "github.com/authy2/backend/migrations/identitypolicies"
	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
)

// lines are the tables of users, factors and policies, and those of a small tenancy module.
func lines() []migrate.Line {
	return []migrate.Line{
		{Name: "identity", FS: usertables.FS},
		{Name: "identity_mfa", FS: factortables.FS},
		{Name: "identity_mfa_policies", FS: policytables.FS},
		{Name: "clubs", FS: fstest.MapFS{
			"20260101000000_create_clubs.tx.up.sql": {Data: []byte(`
CREATE TABLE clubs (id {{.UUID}} PRIMARY KEY, name TEXT NOT NULL);
--bun:split
CREATE TABLE club_members (club_id {{.UUID}} NOT NULL, user_id {{.UUID}} NOT NULL, role TEXT NOT NULL, PRIMARY KEY (club_id, user_id));`)},
			"20260101000000_create_clubs.tx.down.sql": {Data: []byte("DROP TABLE club_members;\n--bun:split\nDROP TABLE clubs;")},
		}},
	}
}

// clubs is a small tenancy module.
type clubs struct{ db *database.DB }

func (c clubs) MembersAfter(ctx context.Context, on bun.IDB, organizationID, after string, limit int) (ids []string, err error) {
	err = on.NewSelect().Table("club_members").Column("user_id").Where("club_id = ?", organizationID).Where("user_id > ?", after).
		Order("user_id").Limit(int64(limit)).Scan(ctx, &ids)
	return ids, err
}

func (c clubs) MembersAmong(ctx context.Context, on bun.IDB, organizationID string, userIDs []string) (ids []string, err error) {
	err = on.NewSelect().Table("club_members").Column("user_id").Where("club_id = ?", organizationID).Where("user_id IN (?)", bun.List(userIDs)).Scan(ctx, &ids)
	return ids, err
}

func (c clubs) MembershipOf(ctx context.Context, on bun.IDB, organizationID, userID string) (authn.Membership, error) {
	m := authn.Membership{OrganizationID: organizationID, UserID: userID}
	err := on.NewSelect().Table("club_members").Column("role").Where("club_id = ?", organizationID).Where("user_id = ?", userID).Scan(ctx, &m.Role)
	if database.IsNotFound(err) {
		return m, apperr.ErrNotFound
	}
	return m, err
}

func (c clubs) Belongings(ctx context.Context, on bun.IDB, userID string) (list []authn.Affiliation, err error) {
	err = on.NewSelect().TableExpr("club_members AS m").Join("JOIN clubs AS c ON c.id = m.club_id").ColumnExpr("c.id, c.name").
		Where("m.user_id = ?", userID).Order("c.id").Scan(ctx, &list)
	return list, err
}

func (c clubs) NameOf(ctx context.Context, on bun.IDB, organizationID string) (name string, err error) {
	err = on.NewSelect().Table("clubs").Column("name").Where("id = ?", organizationID).Scan(ctx, &name)
	if database.IsNotFound(err) {
		return "", apperr.ErrNotFound
	}
	return name, err
}

// Authorize lets owners and admins do everything, and members read.
func (c clubs) Authorize(ctx context.Context, on bun.IDB, userID, organizationID string, need authn.Permission) (authn.Membership, error) {
	m, err := c.MembershipOf(ctx, on, organizationID, userID)
	if err == nil && m.Role == "member" && need != authn.PermissionOrganizationRead {
		err = apperr.ErrAuthorization
	}
	return m, err
}

// accounts is a small identity module on the real table.
type accounts struct{ db *database.DB }

func (a accounts) HoldUsers(ctx context.Context, tx bun.Tx, ids []string) (map[string]string, error) {
	q := tx.NewSelect().Table("identity_users").Column("id", "status").Where("id IN (?)", bun.List(ids)).Order("id")
	if a.db.Dialect() == database.PostgreSQL {
		q = q.For("NO KEY UPDATE")
	}
	var rows []struct{ ID, Status string }
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, err
	}
	statuses := map[string]string{}
	for _, r := range rows {
		statuses[r.ID] = r.Status
	}
	return statuses, nil
}

func (a accounts) SetSuspended(ctx context.Context, tx bun.Tx, ids []string, suspended bool) (changed []string, err error) {
	from, to := "compliance_suspended", "active"
	if suspended {
		from, to = to, from
	}
	err = tx.NewRaw("UPDATE identity_users SET status = ? WHERE status = ? AND id IN (?) RETURNING id", to, from, bun.List(ids)).Scan(ctx, &changed)
	return changed, err
}

func (a accounts) Restrict(ctx context.Context, tx bun.Tx, from map[string]time.Time) error {
	at := map[time.Time][]string{}
	for userID, instant := range from {
		at[instant] = append(at[instant], userID)
	}
	for instant, ids := range at {
		var value any
		if !instant.IsZero() {
			value = instant
		}
		if _, err := tx.NewRaw("UPDATE identity_users SET restricted_from = ? WHERE id IN (?)", value, bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a accounts) PeopleOf(ctx context.Context, on bun.IDB, ids []string) (map[string]authn.Person, error) {
	var rows []struct{ ID, Email, Status string }
	if err := on.NewSelect().Table("identity_users").Column("id", "email", "status").Where("id IN (?)", bun.List(ids)).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	people := map[string]authn.Person{}
	for _, r := range rows {
		people[r.ID] = authn.Person{ID: r.ID, Email: r.Email, Status: r.Status}
	}
	return people, nil
}

// FactorsOf reads the real tables of factors.
func (a accounts) FactorsOf(ctx context.Context, on bun.IDB, ids []string) (map[string]compliance.Held, error) {
	var rows []struct {
		ID            string
		TOTP, Passkey bool
	}
	err := on.NewSelect().TableExpr("identity_users AS u").ColumnExpr("u.id").
		ColumnExpr("EXISTS (SELECT 1 FROM identity_totp t WHERE t.user_id = u.id AND t.verified_at IS NOT NULL) AS totp").
		ColumnExpr("EXISTS (SELECT 1 FROM identity_passkeys k WHERE k.user_id = u.id) AS passkey").
		Where("u.id IN (?)", bun.List(ids)).Scan(ctx, &rows)
	held := map[string]compliance.Held{}
	for _, r := range rows {
		held[r.ID] = compliance.Held{TOTP: r.TOTP, Passkey: r.Passkey}
	}
	return held, err
}

// heard remembers what was committed.
type heard struct {
	mu     sync.Mutex
	facts  []events.Fact
	lifted []string
	mails  []string
}

func (k *heard) later(ctx context.Context, note func()) {
	database.AfterCommit(ctx, func(context.Context) {
		k.mu.Lock()
		defer k.mu.Unlock()
		note()
	})
}

func (k *heard) Tell(ctx context.Context, _ bun.Tx, email string, n compliance.Notice) error {
	k.later(ctx, func() { k.mails = append(k.mails, n.Purpose+" "+email) })
	return nil
}

// take returns the mails since it was last called.
func (k *heard) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	mails := k.mails
	k.mails = nil
	slices.Sort(mails)
	return mails
}

// count returns how many facts of an action there are about a user, "" for all.
func (k *heard) count(action, userID string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.facts {
		if f.Action == action && (userID == "" || f.ResourceID == userID) {
			n++
		}
	}
	return n
}

// liftedOf returns how often the restriction of a user was lifted.
func (k *heard) liftedOf(userID string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, u := range k.lifted {
		if u == userID {
			n++
		}
	}
	return n
}

// house is the package on one backend.
type house struct {
	platformtest.Backend
	*compliance.Service

	accounts accounts
	heard    *heard
}

func newHouse(t testing.TB, b platformtest.Backend) *house {
	t.Helper()
	h := &house{Backend: b, accounts: accounts{b.DB}, heard: &heard{}}
	h.Service = h.another()
	b.Bus.Subscribe(b.Jobs, h.Subscriptions()...)
	b.Bus.Subscribe(b.Jobs,
		events.On("test.hear_facts", func(ctx context.Context, _ bun.Tx, f events.Fact) error {
			if !slices.Contains(compliance.Actions(), f.Action) {
				return fmt.Errorf("the action %s is not declared", f.Action)
			}
			h.heard.later(ctx, func() { h.heard.facts = append(h.heard.facts, f) })
			return nil
		}),
		events.On("test.hear_lifted", func(ctx context.Context, _ bun.Tx, e events.RestrictionLifted) error {
			h.heard.later(ctx, func() { h.heard.lifted = append(h.heard.lifted, e.UserIDs...) })
			return nil
		}))
	return h
}

// another is the package in another process.
func (h *house) another() *compliance.Service {
	return compliance.NewService(compliance.Parts{
		DB: h.DB, Clock: h.Clock, Bus: h.Bus, Jobs: h.Backend.Jobs, Authorizer: clubs{h.DB}, Members: clubs{h.DB}, People: h.accounts,
		Users: h.accounts, Factors: h.accounts, Notices: h.heard, Log: h.Log,
	})
}

// change runs fn in a transaction that must succeed.
func (h *house) change(t testing.TB, fn func(context.Context, bun.Tx) error) {
	t.Helper()
	if err := h.DB.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// users adds users and returns their ids, in order.
func (h *house) users(t testing.TB, n int) []string {
	t.Helper()
	type row struct {
		bun.BaseModel `bun:"table:identity_users"`

		ID, Email            string
		CreatedAt, UpdatedAt time.Time
	}
	ids, rows := make([]string, n), make([]row, n)
	for i := range rows {
		ids[i] = id.Generator{}.New()
		rows[i] = row{ID: ids[i], Email: ids[i] + "@example.com", CreatedAt: h.now(), UpdatedAt: h.now()}
	}
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&rows).Exec(ctx)
		return err
	})
	slices.Sort(ids)
	return ids
}

func (h *house) now() time.Time { return database.Canonical(h.Clock.Now()) }

// club founds an organization and returns its id and its owner.
func (h *house) club(t testing.TB) (organizationID, ownerID string) {
	t.Helper()
	organizationID, ownerID = id.Generator{}.New(), h.users(t, 1)[0]
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("INSERT INTO clubs (id, name) VALUES (?, ?)", organizationID, "Club "+organizationID[30:]).Exec(ctx)
		return err
	})
	h.enter(t, organizationID, "owner", ownerID)
	return organizationID, ownerID
}

// enter makes users members without telling anybody.
func (h *house) enter(t testing.TB, organizationID, role string, userIDs ...string) {
	t.Helper()
	h.change(t, func(ctx context.Context, tx bun.Tx) error { return enter(ctx, tx, organizationID, role, userIDs...) })
}

func enter(ctx context.Context, tx bun.Tx, organizationID, role string, userIDs ...string) error {
	type row struct {
		bun.BaseModel `bun:"table:club_members"`

		ClubID, UserID, Role string
	}
	rows := make([]row, len(userIDs))
	for i, userID := range userIDs {
		rows[i] = row{ClubID: organizationID, UserID: userID, Role: role}
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// join makes a user a member, as tenancy does.
func (h *house) join(ctx context.Context, organizationID, userID string) error {
	return h.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := enter(ctx, tx, organizationID, "member", userID); err != nil {
			return err
		}
		return h.Bus.Publish(ctx, tx, events.MembershipChanged{OrganizationID: organizationID, UserID: userID, Member: true})
	})
}

// leave ends a membership, as tenancy does.
func (h *house) leave(ctx context.Context, organizationID, userID string) error {
	return h.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewRaw("DELETE FROM club_members WHERE club_id = ? AND user_id = ?", organizationID, userID).Exec(ctx); err != nil {
			return err
		}
		return h.Bus.Publish(ctx, tx, events.MembershipChanged{OrganizationID: organizationID, UserID: userID})
	})
}

// end deletes an organization, as tenancy does, and runs what that has queued.
func (h *house) end(t testing.TB, organizationID string) {
	t.Helper()
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		for _, query := range []string{"DELETE FROM club_members WHERE club_id = ?", "DELETE FROM clubs WHERE id = ?"} {
			if _, err := tx.NewRaw(query, organizationID).Exec(ctx); err != nil {
				return err
			}
		}
		return h.Bus.Publish(ctx, tx, events.OrganizationDeleted{OrganizationID: organizationID})
	})
	h.walk(t, organizationID, 0)
}

// totp gives a user an authenticator app, or takes it, as the package of factors does.
func (h *house) totp(ctx context.Context, userID string, has bool) error {
	return h.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := h.accounts.HoldUsers(ctx, tx, []string{userID}); err != nil {
			return err
		}
		query, args := "DELETE FROM identity_totp WHERE user_id = ?", []any{userID}
		if has {
			query = "INSERT INTO identity_totp (user_id, secret, verified_at, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO NOTHING"
			args = append(args, []byte{1}, h.now(), h.now())
		}
		if _, err := tx.NewRaw(query, args...).Exec(ctx); err != nil {
			return err
		}
		return h.Bus.Publish(ctx, tx, events.FactorsChanged{UserID: userID})
	})
}

// passkey gives a user a passkey.
func (h *house) passkey(t testing.TB, userID string) {
	t.Helper()
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("INSERT INTO identity_passkeys (id, user_id, credential_id, credential, name, created_at) VALUES (?, ?, ?, '{}', 'key', ?)",
			id.Generator{}.New(), userID, []byte(userID), h.now()).Exec(ctx)
		if err != nil {
			return err
		}
		return h.Bus.Publish(ctx, tx, events.FactorsChanged{UserID: userID})
	})
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// anyTag is no precondition.
func anyTag(string) error { return nil }

// set sets a policy without having it walked over.
func (h *house) set(t testing.TB, ownerID, organizationID string, mode compliance.Mode, grace int64) compliance.Policy {
	t.Helper()
	p, _, err := h.SetPolicy(t.Context(), ownerID, organizationID, compliance.PolicyChange{Mode: mode, GraceDays: grace, NotifyDays: 7}, anyTag)
	must(t, err)
	return p
}

// walk does the queued job.
func (h *house) walk(t testing.TB, organizationID string, version int64) {
	t.Helper()
	must(t, h.Reevaluate(t.Context(), compliance.Reevaluation{OrganizationID: organizationID, Version: version}))
}

// ask sets a policy and judges everybody by it.
func (h *house) ask(t testing.TB, ownerID, organizationID string, mode compliance.Mode, grace int64) {
	t.Helper()
	h.walk(t, organizationID, h.set(t, ownerID, organizationID, mode, grace).Version)
}

// enforce runs the job.
func (h *house) enforce(t testing.TB) jobs.Report {
	t.Helper()
	report, err := h.Enforce(t.Context())
	must(t, err)
	return report
}

// account is what the user's row says.
type account struct {
	Status         string
	RestrictedFrom time.Time
}

func (h *house) account(t testing.TB, userID string) (a account) {
	t.Helper()
	var at bun.NullTime
	must(t, h.DB.Read().NewSelect().Table("identity_users").Column("status", "restricted_from").Where("id = ?", userID).Scan(t.Context(), &a.Status, &at))
	a.RestrictedFrom = at.Time.UTC()
	return a
}

// restricted reports whether the user may do nothing but enroll a factor.
func (h *house) restricted(t testing.TB, userID string) bool {
	t.Helper()
	a := h.account(t, userID)
	return a.Status == "compliance_suspended" || !a.RestrictedFrom.IsZero() && !a.RestrictedFrom.After(h.Clock.Now())
}

// overview returns how a user stands.
func (h *house) overview(t testing.TB, userID string) compliance.Overview {
	t.Helper()
	o, err := h.OverviewOf(t.Context(), userID, nil)
	must(t, err)
	return o
}

// expect wants an overall status and a restriction.
func (h *house) expect(t testing.TB, when, userID string, status compliance.Status, restricted bool) compliance.Overview {
	t.Helper()
	o := h.overview(t, userID)
	if o.OverallStatus != status || h.restricted(t, userID) != restricted {
		t.Errorf("%s: %+v, restricted %v (%+v), want %s and %v", when, o, h.restricted(t, userID), h.account(t, userID), status, restricted)
	}
	return o
}

// code is the code of an error, empty for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	return string(apperr.From(err).Code())
}

// together has n callers call fn at one instant and returns their errors.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			errs[i] = fn(i)
		})
	}
	close(begin)
	wg.Wait()
	return errs
}

// patiently calls fn again while the database has no time for it.
func patiently(fn func() error) error {
	for range 100 {
		if err := fn(); !errors.Is(err, apperr.ErrUnavailable) {
			return err
		}
	}
	return apperr.ErrUnavailable
}
