package mail

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// store is the table platform_mails.
type store struct {
	db                                                      *database.DB
	insertion, leasing, dueing, sending, postponing, ending *database.Stmt
	pruning, forgetting                                     *database.Stmt
}

func newStore(db *database.DB) store {
	return store{
		db: db,
		insertion: db.Prepare("INSERT INTO platform_mails (id, purpose, message_id, recipient, message, state, due_at, created_at) " +
			"VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?)"),
		leasing: db.Prepare("UPDATE platform_mails SET leased_until = ?, attempts = attempts + 1 " +
			"WHERE id = ? AND state = 'waiting' AND due_at <= ? AND (leased_until IS NULL OR leased_until <= ?) " +
			"RETURNING purpose, message_id, message, attempts, panics, created_at"),
		dueing: db.Prepare("SELECT id FROM platform_mails " +
			"WHERE state = 'waiting' AND due_at <= ? AND (leased_until IS NULL OR leased_until <= ?) ORDER BY due_at, id LIMIT ?"),
		sending: db.Prepare("UPDATE platform_mails SET state = 'sent', message = NULL, leased_until = NULL, last_error = '', done_at = ? " +
			"WHERE id = ? AND state <> 'sent'"),
		postponing: db.Prepare("UPDATE platform_mails SET due_at = ?, leased_until = NULL, last_error = ?, panics = ? " +
			"WHERE id = ? AND state = 'waiting' AND attempts = ?"),
		ending: db.Prepare("UPDATE platform_mails SET state = 'dead', leased_until = NULL, last_error = ?, done_at = ? " +
			"WHERE id = ? AND state = 'waiting' AND attempts = ?"),
		forgetting: db.Prepare("DELETE FROM platform_mails WHERE recipient = ?"),
		pruning: db.Prepare("DELETE FROM platform_mails WHERE id IN " +
			"(SELECT id FROM platform_mails WHERE state <> 'waiting' AND done_at < ? ORDER BY done_at LIMIT ?) " +
			"AND state <> 'waiting' AND done_at < ?"),
	}
}

// lease is a mail that this process alone may deliver until the lease ends. attempts
// tells it from every other lease of the mail.
type lease struct {
	id, purpose, messageID string
	sealed                 []byte
	attempts, panics       int
	accepted               time.Time
}

// insert writes the row of a mail that is due at once.
func (s store) insert(ctx context.Context, tx bun.Tx, e Envelope, recipient, sealed []byte) error {
	_, err := s.insertion.In(tx).Exec(ctx, e.ID, e.Purpose, e.MessageID, recipient, sealed, e.Date, e.Date)
	return err
}

// forget removes every mail to the recipient.
func (s store) forget(ctx context.Context, tx bun.Tx, recipient []byte) error {
	_, err := s.forgetting.In(tx).Exec(ctx, recipient)
	return err
}

// lease takes the mail, and reports whether it was there to be taken.
func (s store) lease(ctx context.Context, mailID string, now, until time.Time) (l lease, taken bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		l = lease{id: mailID}
		return s.leasing.In(tx).QueryRow(ctx, until, mailID, now, now).
			Scan(&l.purpose, &l.messageID, &l.sealed, &l.attempts, &l.panics, database.Time(&l.accepted))
	})
	if database.IsNotFound(err) {
		return lease{}, false, nil
	}
	return l, err == nil, err
}

// due returns the ids of at most n mails that wait for a delivery, the oldest first.
func (s store) due(ctx context.Context, now time.Time, n int) ([]string, error) {
	var ids []string
	err := s.dueing.Query(ctx, func(scan func(...any) error) error {
		var mailID string
		if err := scan(&mailID); err != nil {
			return err
		}
		ids = append(ids, mailID)
		return nil
	}, now, now, n)
	return ids, err
}

// sent records a delivery and forgets the message. It holds whoever has the lease by now:
// a mail that is delivered is delivered.
func (s store) sent(ctx context.Context, l lease, now time.Time) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := s.sending.In(tx).Exec(ctx, now, l.id)
		return err
	})
}

// postpone gives the lease back, if it is still held.
func (s store) postpone(ctx context.Context, l lease, due time.Time, reason string, panics int) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := s.postponing.In(tx).Exec(ctx, due, reason, panics, l.id, l.attempts)
		return err
	})
}

// bury ends the mail, if the lease is still held, and runs then in the same transaction.
func (s store) bury(ctx context.Context, l lease, now time.Time, reason string, then func(ctx context.Context, tx bun.Tx) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := s.ending.In(tx).Exec(ctx, reason, now, l.id, l.attempts)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return then(ctx, tx)
	})
}

// prune removes at most n rows of mails that ended before the time.
func (s store) prune(ctx context.Context, before time.Time, n int) (removed int64, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := s.pruning.In(tx).Exec(ctx, before, n, before) // judged again where somebody retries it meanwhile
		if err != nil {
			return err
		}
		removed, err = result.RowsAffected()
		return err
	})
	return removed, err
}
