package identity

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

const (
	// tokenBatch is how many tokens one statement of the clean-up removes.
	tokenBatch = 1000
	// requestKeep is how long a request for mail that cannot be answered waits: by then
	// whoever asked has asked again.
	requestKeep = 24 * time.Hour
)

// mailJobs are the periodic jobs of one-time tokens and their mails.
func (s *Service) mailJobs() []jobs.Periodic {
	return []jobs.Periodic{
		{
			Name: "cleanup_tokens", Doc: "Removes one-time tokens that expired.",
			Every: time.Hour, Timeout: time.Minute,
			Run: func(ctx context.Context) (jobs.Report, error) {
				n, err := s.CleanupTokens(ctx)
				return jobs.Report{"removed": n}, err
			},
		},
		{
			Name: "write_account_mails", Doc: "Writes the mails of registrations and recoveries that a server did not get to.",
			Every: roundTimeout, Timeout: roundTimeout, Run: s.postman.Write,
		},
	}
}

// subscriptions are what one-time tokens hear of.
func (s *Service) subscriptions() []events.Subscription {
	return []events.Subscription{
		events.On(Name+".forget_tokens", func(ctx context.Context, tx bun.Tx, _ events.DataRestored) error {
			return s.tokens.removeAll(ctx, tx)
		}),
	}
}

// CleanupTokens removes expired tokens, and requests for mail that nobody could answer for
// a day, and returns how many tokens.
func (s *Service) CleanupTokens(ctx context.Context) (int64, error) {
	now := database.Canonical(s.clock.Now())
	if n, err := s.postman.requests.removeOld(ctx, now.Add(-requestKeep)); err != nil {
		return 0, err
	} else if n > 0 {
		s.log.ErrorContext(ctx, "requests for mail were dropped: they could not be answered for a day", "requests", n)
	}
	var total int64
	for {
		n, err := s.tokens.removeExpired(ctx, now, tokenBatch)
		total += n
		if err != nil || n < tokenBatch {
			return total, err
		}
	}
}
