package mail

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/jobs"
)

const (
	sweepEvery = 5 * time.Second
	// sweepFor is how long a sweep begins deliveries; the next one comes by soon after.
	sweepFor   = 4 * time.Second
	pruneEvery = time.Hour
	// batch is how many mails a sweep looks up, and prunes, at a time.
	batch = 100
	// patience is how many attempts in a row may fail before a sweep takes the mail server
	// for dead and leaves the rest to the next one.
	patience = 8
)

// wake is the job that delivers a mail now. Losing it delays the mail until the next sweep.
type wake struct {
	MailID string `json:"mail_id"`
}

// Kind returns deliver_mail.
func (wake) Kind() string { return "deliver_mail" }

// Workers returns what does the queue's jobs.
func (q *Queue) Workers() []jobs.Worker {
	return []jobs.Worker{jobs.Work(q.settings.Timeout+leaseSlack, func(ctx context.Context, w wake) error {
		if q.settings.Disabled {
			return nil
		}
		select {
		case q.slots <- struct{}{}:
			defer func() { <-q.slots }()
		default:
			return nil // enough is under way here; a sweep comes by within seconds
		}
		_, err := q.deliver(ctx, w.MailID)
		return err
	})}
}

// Periodic returns the queue's periodic jobs.
func (q *Queue) Periodic() []jobs.Periodic {
	return []jobs.Periodic{
		{
			Name: "deliver_mails", Doc: "Delivers the mails that are due, and those whose delivery broke off.",
			Every: sweepEvery, Timeout: sweepEvery, Run: q.Sweep,
		},
		{
			Name: "prune_mails", Doc: "Removes what is left of mails that were sent or given up a week ago.",
			Every: pruneEvery, Timeout: time.Minute, Run: q.prune,
		},
	}
}

// Sweep delivers the mails that are due, oldest first, and returns how many were sent,
// deferred and given up. It begins no delivery after a few seconds, or when ctx ends, and
// awaits those it has begun until ctx ends; those that take longer go on without it, until
// [Queue.Stop]. Where mails are disabled it leaves them alone.
func (q *Queue) Sweep(ctx context.Context) (jobs.Report, error) {
	bound, cancel := context.WithTimeout(ctx, sweepFor)
	defer cancel()
	t := &tally{}
	if q.settings.Disabled {
		return t.report(), nil
	}
	for bound.Err() == nil && t.goesOn() && !q.under.stopped() {
		before := t.total()
		ids, err := q.store.due(ctx, database.Canonical(q.parts.Clock.Now()), batch)
		if err != nil {
			return t.report(), fmt.Errorf("mail: look for due mails: %w", err)
		}
		done := q.deliverAll(ctx, bound, ids, t)
		select {
		case <-done:
		case <-ctx.Done():
			return t.report(), t.failure()
		}
		if len(ids) < batch || t.total() == before {
			break // all done, or others are at it
		}
	}
	return t.report(), t.failure()
}

// deliverAll begins to deliver the mails, a few at a time, until bound ends. The channel
// is closed when all that were begun are done.
func (q *Queue) deliverAll(ctx, bound context.Context, ids []string, t *tally) <-chan struct{} {
	var wait sync.WaitGroup
	for _, mailID := range ids {
		if !t.goesOn() || !q.take(bound) {
			break
		}
		wait.Add(1)
		q.under.run(ctx, func(ctx context.Context) {
			defer wait.Done()
			defer func() { <-q.slots }()
			done, err := q.deliver(ctx, mailID)
			if err != nil {
				q.parts.Log.WarnContext(ctx, "a mail waits for the end of its lease", "mail", mailID, "err", err)
			}
			t.add(done, err)
		})
	}
	done := make(chan struct{})
	q.under.run(ctx, func(context.Context) {
		wait.Wait()
		close(done)
	})
	return done
}

// take waits for a slot, and reports whether it got one before ctx ended.
func (q *Queue) take(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case q.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// prune removes the rows of mails that ended long ago.
func (q *Queue) prune(ctx context.Context) (jobs.Report, error) {
	before := database.Canonical(q.parts.Clock.Now()).Add(-q.settings.Keep)
	report := jobs.Report{"removed": 0}
	for ctx.Err() == nil {
		n, err := q.store.prune(ctx, before, batch)
		if err != nil {
			return report, fmt.Errorf("mail: prune: %w", err)
		}
		report["removed"] += n
		if n < batch {
			return report, nil
		}
	}
	return report, ctx.Err()
}

// tally counts what a sweep did.
type tally struct {
	mu     sync.Mutex
	counts map[result]int64
	row    int // failures since the last success
	err    error
}

func (t *tally) add(done result, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.err = err
		return
	case done == nothing:
		return
	case done == deferred:
		t.row++
	default:
		t.row = 0
	}
	if t.counts == nil {
		t.counts = map[result]int64{}
	}
	t.counts[done]++
}

// goesOn reports whether another attempt is worth its while.
func (t *tally) goesOn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err == nil && t.row < patience
}

func (t *tally) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *tally) total() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[sent] + t.counts[deferred] + t.counts[dead]
}

func (t *tally) report() jobs.Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	return jobs.Report{string(sent): t.counts[sent], string(deferred): t.counts[deferred], string(dead): t.counts[dead]}
}
