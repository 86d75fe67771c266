package sessions_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
)

// slowAccounts answers once its gate is open.
type slowAccounts struct {
	people  *people
	gate    chan struct{}
	waiting atomic.Int64
	asked   atomic.Int64
}

func (s *slowAccounts) RecordSignIn(ctx context.Context, tx bun.Tx, userID string, at time.Time, client authn.Client) (authn.Account, error) {
	return s.people.RecordSignIn(ctx, tx, userID, at, client)
}

func (s *slowAccounts) Account(ctx context.Context, userID string) (authn.Account, error) {
	s.asked.Add(1)
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	<-s.gate
	return s.people.Account(ctx, userID)
}
