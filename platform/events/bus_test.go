package events_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
)

// queue remembers what was enqueued, in order.
type queue struct {
	subscribers []string
	payloads    [][]byte
	err         error
}

func (q *queue) EnqueueEvent(_ context.Context, _ bun.Tx, subscriber, _ string, payload []byte) error {
	q.subscribers = append(q.subscribers, subscriber)
	q.payloads = append(q.payloads, payload)
	return q.err
}

func TestPublish(t *testing.T) {
	t.Parallel()
	var heard []string
	hear := func(name string, err error) events.Subscription {
		return events.On(name, func(_ context.Context, _ bun.Tx, e events.UserDeleted) error {
			heard = append(heard, name+":"+e.UserID)
			return err
		})
	}
	var delivered events.UserDeleted
	later := events.Later("c.mail_user", time.Second, func(_ context.Context, e events.UserDeleted) error {
		delivered = e
		return nil
	})
	q := &queue{}
	bus := events.NewBus()
	bus.Subscribe(q, hear("a.x", nil), later, hear("b.y", nil))

	if !bus.Heard(events.UserDeleted{}) || bus.Heard(events.UserChanged{}) {
		t.Error("Heard does not know its subscribers")
	}
	if err := bus.Publish(t.Context(), bun.Tx{}, events.UserDeleted{UserID: "u1"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a.x:u1", "b.y:u1"}; !reflect.DeepEqual(heard, want) {
		t.Errorf("heard = %v, want %v", heard, want)
	}
	if len(q.subscribers) != 1 || q.subscribers[0] != "c.mail_user" {
		t.Fatalf("enqueued for %v", q.subscribers)
	}
	if err := later.Deliver(t.Context(), q.payloads[0]); err != nil || delivered.UserID != "u1" {
		t.Errorf("delivered %+v, %v", delivered, err)
	}
	if err := later.Deliver(t.Context(), []byte("{")); err == nil {
		t.Error("a broken payload was delivered")
	}
	if err := hear("a.x", nil).Deliver(t.Context(), nil); err == nil {
		t.Error("an in-transaction subscriber was delivered later")
	}
}

func TestPublishFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	t.Run("with its subscriber", func(t *testing.T) {
		t.Parallel()
		after := false
		bus := events.NewBus()
		bus.Subscribe(&queue{},
			events.On("a.fail", func(context.Context, bun.Tx, events.UserChanged) error { return boom }),
			events.On("b.after", func(context.Context, bun.Tx, events.UserChanged) error { after = true; return nil }))
		if err := bus.Publish(t.Context(), bun.Tx{}, events.UserChanged{}); !errors.Is(err, boom) || after {
			t.Errorf("Publish = %v, later subscriber ran: %v", err, after)
		}
	})
	t.Run("with its queue", func(t *testing.T) {
		t.Parallel()
		bus := events.NewBus()
		bus.Subscribe(&queue{err: boom},
			events.Later("a.later", time.Second, func(context.Context, events.UserChanged) error { return nil }))
		if err := bus.Publish(t.Context(), bun.Tx{}, events.UserChanged{}); !errors.Is(err, boom) {
			t.Errorf("Publish = %v", err)
		}
	})
}

func TestDeclared(t *testing.T) {
	t.Parallel()
	bus := events.NewBus()
	bus.Declare("user.login", "org.create")
	bus.Declare("user.login")
	if !bus.Declared("org.create") || bus.Declared("org.delete") {
		t.Error("the vocabulary is not what was declared")
	}
}
