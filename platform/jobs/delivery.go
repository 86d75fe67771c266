package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/uptrace/bun"
)

const (
	unheardPause = time.Minute
	unheardFor   = 24 * time.Hour
)

// delivery is the job that carries an event to one later subscriber.
type delivery struct {
	Subscriber string          `json:"subscriber"`
	Event      string          `json:"event"`
	Payload    json.RawMessage `json:"payload"`
}

// Kind returns event_delivery.
func (delivery) Kind() string { return "event_delivery" }

func deliveryKey(subscriber, event string) string { return subscriber + " " + event }

// EnqueueEvent puts the delivery of an event to a subscriber into the queue in tx.
func (c *Client) EnqueueEvent(ctx context.Context, tx bun.Tx, subscriber, event string, payload []byte) error {
	return c.Enqueue(ctx, tx, delivery{Subscriber: subscriber, Event: event, Payload: payload})
}

// deliver returns the worker for deliveries. A subscriber that this process does not have
// may be on a replica of another release, or its module is switched off: the delivery
// waits for a day.
func (c *Client) deliver() *worker[delivery] {
	return &worker[delivery]{
		client: c,
		name:   func(d delivery) string { return d.name() },
		timeout: func(d delivery) time.Duration {
			if s, ok := c.later[deliveryKey(d.Subscriber, d.Event)]; ok && s.Timeout > 0 {
				return s.Timeout
			}
			return defaultTimeout
		},
		work: func(ctx context.Context, job *river.Job[delivery]) error {
			s, ok := c.later[deliveryKey(job.Args.Subscriber, job.Args.Event)]
			if ok {
				return s.Deliver(ctx, job.Args.Payload)
			}
			if c.clock.Now().Sub(job.CreatedAt) < unheardFor {
				return river.JobSnooze(unheardPause)
			}
			return river.JobCancel(fmt.Errorf("nobody is %s any more to hear %s", job.Args.Subscriber, job.Args.Event))
		},
	}
}

// name is the delivery in metrics: names of subscribers are constants of the program.
func (d delivery) name() string { return "deliver_to_" + d.Subscriber }
