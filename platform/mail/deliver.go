package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
)

const (
	// ActionDead is the action of the fact that a mail was given up.
	ActionDead = "mail.dead"
	// leaseSlack is what a lease is longer than an attempt: the time to record the outcome.
	leaseSlack = 15 * time.Second
	// maxPanics is how often a mail may break the program off before it is dead.
	maxPanics = 5
)

// errPanic is the failure of an attempt that panicked.
var errPanic = &Failure{Reason: "the delivery panicked"}

// deliver makes one attempt at the mail, unless somebody else has it or it is not due. An
// error is that of the database; the mail is tried again then, when its lease has ended.
func (q *Queue) deliver(ctx context.Context, mailID string) (result, error) {
	now := database.Canonical(q.parts.Clock.Now())
	l, taken, err := q.store.lease(ctx, mailID, now, now.Add(q.settings.Timeout+leaseSlack))
	if err != nil {
		return nothing, fmt.Errorf("mail: lease %s: %w", mailID, err)
	}
	if !taken {
		return nothing, nil
	}
	done, err := q.settle(ctx, l, q.attempt(ctx, l))
	if err != nil {
		return nothing, fmt.Errorf("mail: record the outcome of %s: %w", mailID, err)
	}
	q.metrics.count(l.purpose, done)
	return done, nil
}

// attempt opens, renders and hands over the mail.
func (q *Queue) attempt(ctx context.Context, l lease) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// Neither the value nor a frame's arguments are words, but the value may hold some.
			q.parts.Log.ErrorContext(ctx, "a mail's delivery panicked", "mail", l.id, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	e := Envelope{ID: l.id, Purpose: l.purpose, MessageID: l.messageID, Date: l.accepted}
	plain, err := q.sealer.Open(l.sealed, []byte(l.id))
	if errors.Is(err, crypto.ErrUnknownKey) {
		// A replica with a newer ring, or the operator, has the key.
		return &Failure{Reason: "its key is not in ENCRYPTION_KEY", Err: err}
	}
	if err != nil {
		return &Failure{Permanent: true, Reason: "the sealed message cannot be opened", Err: err}
	}
	var m Message
	if err := json.Unmarshal(plain, &m); err != nil {
		return &Failure{Permanent: true, Reason: "the sealed message cannot be read", Err: err}
	}
	e.From, e.To = q.from.Address, m.To
	if e.Content, err = q.render(e, m); err != nil {
		return &Failure{Permanent: true, Reason: "the message cannot be rendered", Err: err}
	}
	bound, cancel := context.WithTimeout(ctx, q.settings.Timeout)
	defer cancel()
	return q.parts.Transport.Deliver(bound, e)
}

// settle records the outcome of an attempt.
func (q *Queue) settle(ctx context.Context, l lease, failure error) (result, error) {
	now := database.Canonical(q.parts.Clock.Now())
	if failure == nil {
		q.parts.Log.DebugContext(ctx, "mail sent", "mail", l.id, "purpose", l.purpose, "attempts", l.attempts)
		return sent, q.store.sent(ctx, l, now)
	}
	why, panics := reason(failure), l.panics
	if errors.Is(failure, errPanic) {
		panics++
	}
	var known *Failure
	permanent := errors.As(failure, &known) && known.Permanent
	switch {
	case ctx.Err() != nil && !permanent: // a shutdown is nobody's fault
		return deferred, q.store.postpone(ctx, l, now, "interrupted", panics)
	case !permanent && panics < maxPanics && now.Sub(l.accepted) < q.settings.GiveUp:
		level := q.parts.Log.DebugContext
		if l.attempts == 1 {
			level = q.parts.Log.WarnContext
		}
		level(ctx, "a mail could not be delivered and is tried again", "mail", l.id, "purpose", l.purpose, "attempts", l.attempts, "reason", why)
		return deferred, q.store.postpone(ctx, l, now.Add(pause(q.parts.Rand, l.attempts)), why, panics)
	}
	return dead, q.store.bury(ctx, l, now, why, func(ctx context.Context, tx bun.Tx) error {
		database.AfterCommit(ctx, func(ctx context.Context) {
			q.parts.Log.ErrorContext(ctx, "a mail was given up", "mail", l.id, "purpose", l.purpose, "attempts", l.attempts, "reason", why)
		})
		return q.parts.Bus.Publish(ctx, tx, events.Fact{
			Action: ActionDead, ResourceType: "mail", ResourceID: l.id,
			Metadata: map[string]string{"purpose": l.purpose, "reason": why},
		})
	})
}
