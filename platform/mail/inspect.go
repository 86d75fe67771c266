package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
)

// State is what has become of a mail.
type State string

// The states of a mail.
const (
	Waiting State = "waiting"
	Sent    State = "sent"
	Dead    State = "dead"
)

// ErrNoMail means that there is no mail of that id, or that its row is gone by now.
var ErrNoMail = errors.New("mail: there is no such mail")

// Item is what an operator sees of a mail: neither whom it is for nor what it says.
type Item struct {
	// ID, Purpose and MessageID are those of the [Envelope]; logs of mail servers hold the
	// last.
	ID, Purpose, MessageID string
	State                  State
	// Attempts is how often it was tried, Reason why the last attempt failed.
	Attempts int
	Reason   string
	// Accepted is when it was taken; At is when a waiting one is due, and when any other
	// was sent or given up.
	Accepted, At time.Time
}

const (
	itemColumns = "SELECT id, purpose, message_id, state, attempts, last_error, created_at, COALESCE(done_at, due_at) FROM platform_mails "
	noID        = "00000000-0000-0000-0000-000000000000"
)

// inspection are the statements of operators.
type inspection struct{ listing, showing, retrying, retryingAll *database.Stmt }

func newInspection(db *database.DB) inspection {
	const back = "UPDATE platform_mails SET state = 'waiting', due_at = ?, leased_until = NULL, panics = 0, done_at = NULL WHERE state = 'dead'"
	return inspection{
		listing:     db.Prepare(itemColumns + "WHERE state = ? AND id > ? ORDER BY id LIMIT ?"),
		showing:     db.Prepare(itemColumns + "WHERE id = ?"),
		retrying:    db.Prepare(back + " AND id = ?"),
		retryingAll: db.Prepare(back),
	}
}

func scanItem(scan func(dest ...any) error) (i Item, err error) {
	err = scan(&i.ID, &i.Purpose, &i.MessageID, &i.State, &i.Attempts, &i.Reason, database.Time(&i.Accepted), database.Time(&i.At))
	return i, err
}

// List returns at most n mails of the state whose ids follow after, in the order in which
// they were accepted. An empty after begins at the first.
func (q *Queue) List(ctx context.Context, state State, after string, n int) ([]Item, error) {
	if after == "" {
		after = noID
	}
	var items []Item
	err := q.inspect.listing.Query(ctx, func(scan func(...any) error) error {
		item, err := scanItem(scan)
		items = append(items, item)
		return err
	}, string(state), after, n)
	if err != nil {
		return nil, fmt.Errorf("mail: list: %w", err)
	}
	return items, nil
}

// Item returns the mail of the id, or [ErrNoMail].
func (q *Queue) Item(ctx context.Context, mailID string) (Item, error) {
	mailID, ok := id.Parse(mailID)
	if !ok {
		return Item{}, ErrNoMail
	}
	item, err := scanItem(q.inspect.showing.QueryRow(ctx, mailID).Scan)
	if database.IsNotFound(err) {
		return Item{}, ErrNoMail
	}
	if err != nil {
		return Item{}, fmt.Errorf("mail: show: %w", err)
	}
	return item, nil
}

// Retry has the dead mails of the ids delivered after all, or none of them: its error is
// [ErrNoMail] when one is not dead. A mail that is older than [Settings.GiveUp] has one
// attempt.
func (q *Queue) Retry(ctx context.Context, mailIDs ...string) error {
	now := database.Canonical(q.parts.Clock.Now())
	return q.parts.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, mailID := range mailIDs {
			parsed, ok := id.Parse(mailID)
			if !ok {
				return fmt.Errorf("%w: %q", ErrNoMail, clean(mailID))
			}
			result, err := q.inspect.retrying.In(tx).Exec(ctx, now, parsed)
			if err != nil {
				return fmt.Errorf("mail: retry: %w", err)
			}
			if n, err := result.RowsAffected(); err != nil {
				return fmt.Errorf("mail: retry: %w", err)
			} else if n == 0 {
				return fmt.Errorf("%w among the dead: %s", ErrNoMail, parsed)
			}
		}
		return nil
	})
}

// RetryAll does so with every dead mail, and returns how many there were.
func (q *Queue) RetryAll(ctx context.Context) (retried int64, err error) {
	now := database.Canonical(q.parts.Clock.Now())
	err = q.parts.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := q.inspect.retryingAll.In(tx).Exec(ctx, now)
		if err != nil {
			return fmt.Errorf("mail: retry: %w", err)
		}
		retried, err = result.RowsAffected()
		return err
	})
	return retried, err
}
