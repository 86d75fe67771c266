package mail

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
)

// Subscriptions are what the queue hears of users.
func (q *Queue) Subscriptions() []events.Subscription {
	return []events.Subscription{events.On("mail.forget_recipient", q.forget)}
}

// forget removes the mails to an account that is deleted in tx, those that wait and those
// that were given up: nobody is left to read them. A delivery that is at work on one ends
// as it does. What the same transaction sends after this is delivered.
func (q *Queue) forget(ctx context.Context, tx bun.Tx, e events.UserDeleted) error {
	if e.Email == "" {
		return nil
	}
	for _, key := range q.recipients {
		if err := q.store.forget(ctx, tx, recipient(key, e.Email)); err != nil {
			return fmt.Errorf("mail: forget a recipient: %w", err)
		}
	}
	return nil
}

// recipient names an address in the table without telling it.
func recipient(key [32]byte, address string) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(strings.ToLower(address)))
	return mac.Sum(nil)
}
