package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Event is a fact. Events are plain structs that survive JSON.
type Event interface {
	// Name is the dotted name of the fact: module, noun, past participle.
	Name() string
}

// Subscription is a module's wish to hear of an event. Make one with [On] or [Later].
type Subscription struct {
	// Event is the name of the event heard.
	Event string
	// Subscriber names who hears it: <module>.<verb_noun>.
	Subscriber string
	// Timeout bounds a later subscriber; zero for in-transaction ones.
	Timeout time.Duration
	inTx    func(context.Context, bun.Tx, Event) error
	later   func(context.Context, []byte) error
}

// On subscribes handle to events of type E inside the publishing transaction. Its
// error fails the use case. It does database work only.
func On[E Event](subscriber string, handle func(context.Context, bun.Tx, E) error) Subscription {
	var zero E
	return Subscription{
		Event: zero.Name(), Subscriber: subscriber,
		inTx: func(ctx context.Context, tx bun.Tx, e Event) error {
			typed, ok := e.(E)
			if !ok {
				return fmt.Errorf("events: %s is published as %T, heard as %T", e.Name(), e, zero)
			}
			return handle(ctx, tx, typed)
		},
	}
}

// Later subscribes handle to events of type E as a job after the commit, at least
// once. A handler is idempotent.
func Later[E Event](subscriber string, timeout time.Duration, handle func(context.Context, E) error) Subscription {
	var zero E
	return Subscription{
		Event: zero.Name(), Subscriber: subscriber, Timeout: timeout,
		later: func(ctx context.Context, payload []byte) error {
			var e E
			if err := json.Unmarshal(payload, &e); err != nil {
				return fmt.Errorf("events: read %s: %w", zero.Name(), err)
			}
			return handle(ctx, e)
		},
	}
}

// InTransaction reports whether the subscriber runs inside the publishing transaction.
func (s Subscription) InTransaction() bool { return s.inTx != nil }

// Deliver runs a later subscriber on the event's JSON. The job runner calls it.
func (s Subscription) Deliver(ctx context.Context, payload []byte) error {
	if s.later == nil {
		return fmt.Errorf("events: %s runs inside its transaction and cannot be delivered later", s.Subscriber)
	}
	return s.later(ctx, payload)
}

// Enqueuer puts a later delivery into the job queue inside a transaction.
type Enqueuer interface {
	EnqueueEvent(ctx context.Context, tx bun.Tx, subscriber, event string, payload []byte) error
}

// Bus hands events to their subscribers. It is built empty and subscribed to once,
// before the first request, because subscribers are built from what publishes.
type Bus struct {
	byEvent  map[string][]Subscription
	queue    Enqueuer
	declared map[string]bool
}

// NewBus returns a bus without subscribers.
func NewBus() *Bus { return &Bus{byEvent: map[string][]Subscription{}, declared: map[string]bool{}} }

// Declare adds actions to the vocabulary of [Fact]. It must not be called once events are
// published.
func (b *Bus) Declare(actions ...string) {
	for _, a := range actions {
		b.declared[a] = true
	}
}

// Declared reports whether the action is part of the vocabulary.
func (b *Bus) Declared(action string) bool { return b.declared[action] }

// Subscribe adds the subscriptions, in the order given, and the queue that carries
// later deliveries. It must not be called once events are published.
func (b *Bus) Subscribe(queue Enqueuer, subscriptions ...Subscription) {
	b.queue = queue
	for _, s := range subscriptions {
		b.byEvent[s.Event] = append(b.byEvent[s.Event], s)
	}
}

// Heard reports whether anybody subscribes to the event, so that a publisher can skip
// a transaction that would only carry an unheard fact.
func (b *Bus) Heard(e Event) bool { return len(b.byEvent[e.Name()]) > 0 }

// Publish hands e to every subscriber: in-transaction ones now, later ones as jobs in
// tx. The first error is returned and must roll tx back.
func (b *Bus) Publish(ctx context.Context, tx bun.Tx, e Event) error {
	var payload []byte
	for _, s := range b.byEvent[e.Name()] {
		if s.InTransaction() {
			if err := s.inTx(ctx, tx, e); err != nil {
				return fmt.Errorf("%s on %s: %w", s.Subscriber, s.Event, err)
			}
			continue
		}
		if payload == nil {
			var err error
			if payload, err = json.Marshal(e); err != nil {
				return fmt.Errorf("events: write %s: %w", e.Name(), err)
			}
		}
		if err := b.queue.EnqueueEvent(ctx, tx, s.Subscriber, s.Event, payload); err != nil {
			return fmt.Errorf("events: enqueue %s for %s: %w", s.Event, s.Subscriber, err)
		}
	}
	return nil
}
