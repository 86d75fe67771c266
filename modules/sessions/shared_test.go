package sessions_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
)

// lateAccounts reads a user and gives the answer once its gate is open.
type lateAccounts struct {
	sessions.Accounts
	gate chan struct{}
	held chan struct{}
}

func (l *lateAccounts) Account(ctx context.Context, userID string) (authn.Account, error) {
	a, err := l.Accounts.Account(ctx, userID)
	select {
	case l.held <- struct{}{}:
		<-l.gate
	default:
	}
	return a, err
}

func late(p *people) (*lateAccounts, func(*setup)) {
	l := &lateAccounts{Accounts: p, gate: make(chan struct{}), held: make(chan struct{}, 1)}
	return l, func(s *setup) { s.people, s.parts.Credentials, s.parts.Accounts = p, p, l }
}

// A caller does not share a look-up that had read the row before the revocation was
// answered that the caller comes after.
func TestLookUpUnderWayIsNotSharedAcrossARevocation(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, lines()...)
	private := func(s *setup) { s.parts.Cache = cache.NewMemorySliding(s.clock) }
	a := newReplica(t, b, private)
	l, slow := late(a.people)
	other := newReplica(t, b, with(a), slow, private)
	s := a.signIn(t, bob)
	ctx := context.WithoutCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { // begins before the revocation, and may be let in
		_, _ = other.Authenticate(ctx, s.Token.Reveal())
	})
	platformtest.Eventually(t, 5*time.Second, "the first look-up", func() bool { return len(l.held) == 1 })
	if err := a.Logout(t.Context(), a.accepts(t, s)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { close(l.gate) })
	if _, err := other.Authenticate(ctx, s.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
		t.Fatalf("after the revocation was answered: %v", err)
	}
}

// The same for a change of the user that this replica has heard of.
func TestLookUpUnderWayIsNotSharedAcrossAChange(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		l, slow := late(newPeople())
		r := newReplica(t, b, slow)
		s := r.signIn(t, bob)
		r.changeUser(t, bob, func(a *authn.Account) { a.ETag = `"2"` })
		ctx := context.WithoutCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { _, _ = r.Authenticate(ctx, s.Token.Reveal()) })
		platformtest.Eventually(t, 5*time.Second, "the first look-up", func() bool { return len(l.held) == 1 })
		r.changeUser(t, bob, func(a *authn.Account) { a.ETag = `"3"` })
		time.AfterFunc(100*time.Millisecond, func() { close(l.gate) })
		p, err := r.Authenticate(ctx, s.Token.Reveal())
		if err != nil || p.Account.ETag != `"3"` {
			t.Fatalf("got %+v, %v; want the user after the change", p, err)
		}
	})
}
