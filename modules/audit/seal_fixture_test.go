package audit_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// vault is a trail that is sealed.
type vault struct {
	*house
	sealing *audit.Sealing
}

// vaultSetup is what a test of sealing may choose.
type vaultSetup struct {
	config audit.Config
	keys   string
	people audit.People
	log    *slog.Logger
}

// newSealing makes a sealing of the backend's trail.
func newSealing(t testing.TB, b platformtest.Backend, changes ...func(*vaultSetup)) *audit.Sealing {
	t.Helper()
	s := vaultSetup{config: audit.DefaultConfig(), keys: testKey, people: people{}, log: b.Log}
	for _, change := range changes {
		change(&s)
	}
	ring, err := crypto.ParseKeyring(secret.New(s.keys))
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.NewSealing(audit.Parts{
		Config: s.config, DB: b.DB, Clock: b.Clock, IDs: id.Generator{}, Bus: b.Bus, Keys: ring, Random: rand.Reader,
		People: s.people, Authorizer: roles{}, Log: s.log,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newVault makes a trail that is recorded, sealed and erased.
func newVault(t testing.TB, b platformtest.Backend, changes ...func(*vaultSetup)) *vault {
	t.Helper()
	v := &vault{house: newHouse(t, b), sealing: newSealing(t, b, changes...)}
	b.Bus.Declare(audit.ActionPrune, audit.ActionRotateKey)
	b.Bus.Subscribe(b.Jobs, v.sealing.Subscriptions()...)
	return v
}

// seal seals what there is and wants a number of rows sealed.
func (v *vault) seal(t testing.TB, want int) {
	t.Helper()
	// What is settled does not wait for transactions of other tests on the same server.
	v.Clock.Advance(3 * time.Second)
	sealed, refused, err := v.sealing.Seal(t.Context())
	if err != nil || int(sealed) != want || refused != 0 {
		t.Fatalf("sealed %d rows, refused %d, %v; want %d sealed", sealed, refused, err, want)
	}
}

// verify wants a trail without a problem.
func (v *vault) verify(t testing.TB) audit.Summary {
	t.Helper()
	summary, err := v.sealing.Verify(t.Context(), audit.VerifyOptions{})
	if err != nil {
		t.Fatalf("verify: %v; until then: %+v", err, summary)
	}
	return summary
}

// problem returns what verify finds, nil when that is nothing.
func (v *vault) problem(t testing.TB) *audit.Problem {
	t.Helper()
	_, err := v.sealing.Verify(t.Context(), audit.VerifyOptions{})
	if err == nil {
		return nil
	}
	var p *audit.Problem
	if !errors.As(err, &p) {
		t.Fatalf("verify fails: %v", err)
	}
	return p
}

// deeds are n facts of various kinds.
func deeds(n int) []events.Fact {
	facts := make([]events.Fact, n)
	for i := range facts {
		f := events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme, ResourceType: "thing", ResourceID: fmt.Sprint(i), Success: i%3 != 0}
		switch i % 4 {
		case 1:
			f = events.Fact{Action: "user.login", ErrorType: "AUTHENTICATION_ERROR", Personal: map[string]string{"email": fmt.Sprintf("eve%d@example.com", i%8)}}
		case 2:
			f.ActorID, f.OrganizationID = bob, other
			f.Metadata = map[string]string{"n": fmt.Sprint(i), "role": "admin"}
		case 3:
			f.Personal, f.PersonalOf = map[string]string{"email": "bob@example.com"}, bob
		}
		facts[i] = f
	}
	return facts
}

// deleteUser tells everybody that a user is deleted.
func (v *vault) deleteUser(t testing.TB, userID, email string) {
	t.Helper()
	c := client()
	err := v.DB.InTx(authn.WithClient(t.Context(), &c), func(ctx context.Context, tx bun.Tx) error {
		return v.Bus.Publish(ctx, tx, events.UserDeleted{UserID: userID, Email: email})
	})
	if err != nil {
		t.Fatalf("delete a user: %v", err)
	}
}
