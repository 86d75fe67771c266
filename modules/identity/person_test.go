package identity_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		name := "Ann Example"
		done, _ := h.register(t, ann, goodPass)
		other, _ := h.register(t, "bo@example.com", goodPass)
		want := authn.Person{ID: done.Account.UserID, Email: ann, FullName: &name, Status: "active"}
		ids := []string{other.Account.UserID, done.Account.UserID, id.Generator{}.New(), done.Account.UserID}
		for len(ids) < 500 {
			ids = append(ids, id.Generator{}.New())
		}
		look := func(ctx context.Context, on bun.IDB) {
			t.Helper()
			for n, statements := range map[int]int{0: 0, 1: 1, 500: 1} {
				before := h.Statements()
				people, err := h.directory.PeopleOf(ctx, on, ids[:n])
				if err != nil || len(people) != min(n, 2) || h.Statements()-before != statements {
					t.Errorf("%d ids: %v, %v, %d statements", n, people, err, h.Statements()-before)
				}
				if p := people[want.ID]; n == 500 && !reflect.DeepEqual(p, want) {
					t.Errorf("ann is %+v, want %+v", p, want)
				}
			}
			for _, email := range []string{ann, "ANN@Example.com"} {
				before := h.Statements()
				p, err := h.directory.PersonByEmail(ctx, on, email)
				if err != nil || !reflect.DeepEqual(p, want) || h.Statements()-before != 1 {
					t.Errorf("%s is %+v, %v, %d statements", email, p, err, h.Statements()-before)
				}
			}
			for _, email := range []string{"nobody@example.com", "", "ann", " " + ann, "a\x00@example.com"} {
				if p, err := h.directory.PersonByEmail(ctx, on, email); !errors.Is(err, apperr.ErrNotFound) || p.ID != "" {
					t.Errorf("%q is %+v, %v", email, p, err)
				}
			}
		}
		look(t.Context(), h.DB.Read())
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			look(ctx, tx)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		before := h.Statements()
		people, err := h.directory.PeopleOf(t.Context(), h.DB.Read(), append(ids, ids...))
		if err != nil || len(people) != 2 || h.Statements()-before != 2 {
			t.Errorf("1000 ids: %d people, %v, %d statements", len(people), err, h.Statements()-before)
		}
	})
}

func TestUsersDeleted(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		admin := identity.NewAdmin(h.Service)
		var want []authn.DeletionMark
		for i := range 5 {
			done, _ := h.register(t, fmt.Sprintf("u%d@example.com", i), goodPass)
			if i%2 == 0 {
				h.Clock.Advance(time.Second)
			}
			if err := admin.Delete(t.Context(), done.Account.UserID); err != nil {
				t.Fatal(err)
			}
			want = append(want, authn.DeletionMark{At: database.Canonical(h.Clock.Now()), ID: done.Account.UserID})
		}
		read := func(ctx context.Context, on bun.IDB) (got []authn.DeletionMark) {
			var after authn.DeletionMark
			for {
				page, err := h.directory.UsersDeleted(ctx, on, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					return got
				}
				got, after = append(got, page...), page[len(page)-1]
			}
		}
		if got := read(t.Context(), h.DB.Read()); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if got := read(ctx, tx); !reflect.DeepEqual(got, want) {
				t.Errorf("in a transaction: %+v, want %+v", got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A user who is held can be signed in and changed, but not deleted: the deletion waits, and
// whoever comes to hold the user after it finds nobody.
func TestHoldUser(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		_, p := h.register(t, ann, goodPass)
		admin := identity.NewAdmin(h.Service)
		deleted := make(chan error, 1)
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := h.directory.HoldUser(ctx, tx, id.Generator{}.New()); !errors.Is(err, apperr.ErrNotFound) {
				t.Errorf("nobody is held: %v", err)
			}
			before := h.Statements()
			if err := h.directory.HoldUser(ctx, tx, p.UserID); err != nil || h.Statements()-before != 1 {
				t.Errorf("hold: %v, %d statements", err, h.Statements()-before)
			}
			if b.Name == "postgres" { // SQLite has one writer at a time anyway
				h.signIn(t, ann, goodPass)
				if err := h.ChangePassword(t.Context(), p, change(goodPass, anotherPass)); err != nil {
					t.Errorf("a held user's password: %v", err)
				}
				name := "Ann"
				if _, err := h.ChangeProfile(t.Context(), p.UserID, identity.ProfileChange{
					FullName: identity.Change{Set: true, Value: &name}, Precondition: anyTag,
				}); err != nil {
					t.Errorf("a held user's profile: %v", err)
				}
				other := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return h.directory.HoldUser(ctx, tx, p.UserID) })
				if other != nil {
					t.Errorf("a second hold: %v", other)
				}
			}
			go func() { deleted <- admin.Delete(t.Context(), ann) }()
			if b.Name == "postgres" {
				platformtest.Eventually(t, time.Minute, "the deletion to wait", func() bool {
					var waiting int
					err := tx.NewRaw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(ctx, &waiting)
					return err == nil && waiting > 0
				})
			}
			select {
			case err := <-deleted:
				t.Errorf("a held user was deleted: %v", err)
			default:
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-deleted; err != nil {
			t.Fatal(err)
		}
		err = h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return h.directory.HoldUser(ctx, tx, p.UserID) })
		if !errors.Is(err, apperr.ErrNotFound) {
			t.Errorf("hold of somebody who is gone: %v", err)
		}
	})
}

func TestPrepareAccount(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		wish := authn.NewAccount{
			Email: "Ann@Example.com", EmailVerified: true, FullName: "Ann Example", Password: secret.New(goodPass), Confirm: secret.New(goodPass),
		}
		for field, spoil := range map[string]func(*authn.NewAccount){
			"email": func(n *authn.NewAccount) { n.Email = "ann" }, "full_name": func(n *authn.NewAccount) { n.FullName = "a\nb" },
			"password": func(n *authn.NewAccount) { n.Password = secret.New("password1") }, "password_confirm": func(n *authn.NewAccount) { n.Confirm = secret.New("other") },
		} {
			wrong := wish
			spoil(&wrong)
			create, err := h.registrar.PrepareAccount(t.Context(), wrong)
			if create != nil || apperr.From(err).Code() != apperr.CodeValidation || apperr.From(err).Details()[field] == nil {
				t.Errorf("%s: %v", field, err)
			}
		}
		create, err := h.registrar.PrepareAccount(t.Context(), wish)
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, h, "identity_users"); n != 0 {
			t.Errorf("%d users before there is a transaction", n)
		}
		var made authn.Account
		again := errors.New("again")
		attempt := func(fail error) error {
			return h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
				if made, err = create(ctx, tx); err != nil {
					return err
				}
				return fail
			})
		}
		if err := attempt(again); !errors.Is(err, again) {
			t.Fatal(err)
		}
		if err := attempt(nil); err != nil {
			t.Fatal(err)
		}
		if made.Email != ann || !made.EmailVerified || made.Status != "active" {
			t.Errorf("the account is %+v", made)
		}
		if f := h.facts.last(t); f.Action != identity.ActionRegister || !f.Success || f.ActorID != made.UserID || h.facts.count(identity.ActionRegister, true) != 1 {
			t.Errorf("fact %+v", f)
		}
		if a, err := h.check(t, ann, goodPass); err != nil || !reflect.DeepEqual(a, made) {
			t.Errorf("signed in as %+v, %v; want %+v", a, err, made)
		}
		if create, err = h.registrar.PrepareAccount(t.Context(), wish); err != nil {
			t.Fatal(err)
		}
		if err := attempt(nil); !errors.Is(err, identity.ErrEmailTaken) {
			t.Errorf("a taken address: %v", err)
		}
	})
}
