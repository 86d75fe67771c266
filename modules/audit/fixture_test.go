package audit_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	migrations "github.com/authy2/backend/migrations/audit"
	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// Who and what the tests are about.
const (
	ann   = "01900000-0000-7000-8000-00000000a001"
	bob   = "01900000-0000-7000-8000-00000000b002"
	acme  = "01900000-0000-7000-8000-00000000c001"
	other = "01900000-0000-7000-8000-00000000c002"
)

const testKey = "k1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func lines() []migrate.Line { return []migrate.Line{{Name: audit.Name, FS: migrations.FS}} }

// ports fill what other modules would.
func ports() fx.Option {
	return fx.Provide(func() audit.People { return audit.NoPeople{} })
}

// anyRole lets everybody do everything everywhere.
type anyRole struct{}

func (anyRole) Authorize(ctx context.Context, _ bun.IDB, userID, organizationID string, need authn.Permission) (authn.Membership, error) {
	authn.DemandFrom(ctx).Met(organizationID, need)
	return authn.Membership{OrganizationID: organizationID, UserID: userID, Role: "owner"}, nil
}

// roles knows one organization: ann owns it, and everybody else is no member.
type roles struct{}

func (roles) Authorize(ctx context.Context, db bun.IDB, userID, organizationID string, need authn.Permission) (authn.Membership, error) {
	if _, err := db.ExecContext(ctx, "SELECT 1"); err != nil {
		return authn.Membership{}, err
	}
	switch {
	case organizationID != acme || (userID != ann && userID != bob):
		return authn.Membership{}, apperr.ErrNotFound
	case userID == bob:
		authn.DemandFrom(ctx).Denied(organizationID)
		return authn.Membership{}, apperr.ErrAuthorization
	}
	return anyRole{}.Authorize(ctx, db, userID, organizationID, need)
}

// people knows ann and bob, in one statement.
type people struct{ audit.NoPeople }

func (people) PeopleOf(ctx context.Context, db bun.IDB, ids []string) (map[string]authn.Person, error) {
	if _, err := db.ExecContext(ctx, "SELECT 1"); err != nil {
		return nil, err
	}
	name := "Ann =Example"
	known := map[string]authn.Person{
		ann: {ID: ann, Email: "ann@example.com", FullName: &name}, bob: {ID: bob, Email: "bob@example.com"},
	}
	found := map[string]authn.Person{}
	for _, one := range ids {
		if _, ok := id.Parse(one); !ok {
			return nil, fmt.Errorf("%q is no id", one) // as PostgreSQL would say
		}
		if p, ok := known[one]; ok {
			found[one] = p
		}
	}
	return found, nil
}

// counted is a source of ids that is known beforehand.
type counted struct {
	mu sync.Mutex
	n  uint64
}

func (c *counted) next() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counted) Read(p []byte) (int, error) {
	clear(p)
	binary.BigEndian.PutUint64(p[len(p)-8:], c.next())
	return len(p), nil
}

func (c *counted) New() string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", c.next()) }

// house is a trail on one backend.
type house struct {
	platformtest.Backend
	service *audit.Service
}

// setup is what a test may choose.
type setup struct {
	ids  id.Source
	keys string
	log  *slog.Logger
	// authorizer knows who may read.
	authorizer authn.Authorizer
}

// newHouse makes a trail that hears the facts of the backend's bus.
func newHouse(t testing.TB, b platformtest.Backend, changes ...func(*setup)) *house {
	t.Helper()
	s := setup{ids: id.Generator{}, keys: testKey, log: b.Log, authorizer: roles{}}
	for _, change := range changes {
		change(&s)
	}
	ring, err := crypto.ParseKeyring(secret.New(s.keys))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Backend: b, service: audit.New(audit.Parts{
		Config: audit.DefaultConfig(), DB: b.DB, Clock: b.Clock, IDs: s.ids, Bus: b.Bus, Keys: ring, Random: rand.Reader,
		People: people{}, Authorizer: s.authorizer, Log: s.log,
	})}
	b.Bus.Declare("thing.done", "user.login", "user.update", "user.status_change", "org.create", "org.member.add", "org.member.remove",
		"org.invite.create", audit.ActionExport)
	b.Bus.Subscribe(b.Jobs, h.service.Recorder())
	return h
}

// client is where the requests of the tests come from.
func client() authn.Client {
	return authn.Client{
		Address: netip.MustParseAddr("203.0.113.7"), UserAgent: "curl/8.0", RequestID: "request-1", TraceID: "0af7651916cd43dd8448eb211c80319c",
	}
}

// publish publishes facts, each in a transaction of its own, as a request does.
func (h *house) publish(t testing.TB, facts ...events.Fact) {
	t.Helper()
	c := client()
	for _, f := range facts {
		err := h.DB.InTx(authn.WithClient(t.Context(), &c), func(ctx context.Context, tx bun.Tx) error { return h.Bus.Publish(ctx, tx, f) })
		if err != nil {
			t.Fatalf("publish %s: %v", f.Action, err)
		}
	}
}

// page reads a page that must be readable.
func (h *house) page(t testing.TB, scope audit.Scope, f audit.Filter, after *audit.Position, limit int) ([]audit.Row, *audit.Position) {
	t.Helper()
	rows, next, err := h.service.Page(t.Context(), scope, f, after, limit)
	if err != nil {
		t.Fatalf("read a page: %v", err)
	}
	return rows, next
}

// count counts rows of a table.
func (h *house) count(t testing.TB, table string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table(table).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// exec changes the database behind the trail's back.
func (h *house) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	change := func() error {
		return h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw(query, args...).Exec(ctx)
			return err
		})
	}
	err := change()
	for errors.Is(err, apperr.ErrUnavailable) && t.Context().Err() == nil { // a busy machine
		err = change()
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
