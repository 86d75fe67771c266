package mail_test

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// The mails to a deleted account go with it, those of a key before the newest too; what its
// deletion itself sends is delivered.
func TestDeletedAccountGetsNoMail(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		older := parts(t, b, over)
		send(t, b, open(t, older), letter())
		newer := parts(t, b, over)
		newer.Keys = keys(t, "2", "1")
		q := open(t, newer)
		b.Bus.Subscribe(b.Jobs, q.Subscriptions()...)
		send(t, b, q, letter())
		other := letter()
		other.To = "somebody.else@example.com"
		send(t, b, q, other)
		farewell := letter()
		farewell.Purpose = "test.farewell"
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := b.Bus.Publish(ctx, tx, events.UserDeleted{UserID: "nobody"}); err != nil {
				return err
			}
			if err := b.Bus.Publish(ctx, tx, events.UserDeleted{UserID: "zoe", Email: reader}); err != nil {
				return err
			}
			return q.Send(ctx, tx, farewell)
		})
		if err != nil {
			t.Fatal(err)
		}
		sweep(t, q, 2, 0, 0)
		for _, e := range over.all() {
			if e.To == reader && e.Purpose != "test.farewell" {
				t.Errorf("%s was delivered", e.Purpose)
			}
		}
	})
}
