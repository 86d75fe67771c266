package compliance

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/jobs"
)

const (
	enforceEvery   = 5 * time.Minute
	enforceTimeout = 4 * time.Minute
	// mailBatch is how many mails one transaction writes.
	mailBatch = 100
)

// Jobs are the periodic jobs of the policies.
func (s *Service) Jobs() []jobs.Periodic {
	return []jobs.Periodic{
		{
			Name: "enforce_mfa_policies", Doc: "Suspends members whose time for setting up a second factor is over, and reminds those who have some left.",
			Every: enforceEvery, Timeout: enforceTimeout, Run: s.Enforce,
		},
		{
			Name: "reconcile_mfa_members", Doc: "Judges members who joined, left or enrolled a second factor while policies for second factors were switched off.",
			Every: reconcileEvery, Timeout: reconcileTimeout, Run: s.Reconcile,
		},
	}
}

// Enforce judges members by the policy that they were not judged by yet, marks those whose
// time is over, and reminds those for whom it will be soon. Nobody's limits wait for it.
func (s *Service) Enforce(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{"reevaluated": 0, "suspended": 0, "reminded": 0}
	rejudge := func(ctx context.Context, tx bun.Tx, list []pair) (func(), error) {
		changed, suspended, err := s.judgePairs(ctx, tx, list)
		return func() { report["reevaluated"] += changed; report["suspended"] += suspended }, err
	}
	if err := s.sweep(ctx, s.rows.outdated, walkBatch, rejudge); err != nil {
		return report, err
	}
	if err := s.sweep(ctx, s.rows.due, mailBatch, rejudge, s.now()); err != nil {
		return report, err
	}
	days, err := s.policies.notifyDays(ctx)
	if err != nil {
		return report, err
	}
	for _, n := range withDefault(days) {
		now := s.now()
		remind := func(ctx context.Context, tx bun.Tx, list []pair) (func(), error) {
			sent, err := s.remindSoon(ctx, tx, list)
			return func() { report["reminded"] += sent }, err
		}
		until, since := now.Add(time.Duration(n)*day), now.Add(-remindEvery)
		if err := s.sweep(ctx, s.rows.remindable, mailBatch, remind, now, until, since, DefaultNotifyDays, n); err != nil {
			return report, err
		}
	}
	return report, nil
}

// withDefault adds what holds for members without a policy.
func withDefault(days []int64) []int64 {
	for _, n := range days {
		if n == DefaultNotifyDays {
			return days
		}
	}
	return append(days, DefaultNotifyDays)
}

// sweep hands the rows that q finds to do, one batch a transaction. What do returns is called
// once the transaction is committed.
func (s *Service) sweep(
	ctx context.Context, q *database.Stmt, size int, do func(context.Context, bun.Tx, []pair) (func(), error), args ...any,
) error {
	after := pair{user: noID, organization: noID}
	for {
		list, err := s.rows.pairs(ctx, q, after, size, args...)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := s.each(ctx, list, do); err != nil || len(list) < size {
			return err
		}
		after = list[len(list)-1]
	}
}

// each runs do on a batch in a transaction.
func (s *Service) each(ctx context.Context, list []pair, do func(context.Context, bun.Tx, []pair) (func(), error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var done func()
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		done, err = do(ctx, tx, list)
		return err
	})
	if err == nil {
		done()
	}
	return err
}
