package mail

import (
	"context"
	"sync"

	"github.com/authy2/backend/platform/database"
)

// dropped remembers the purposes whose mails were dropped. There are as many as the
// program has kinds of mails.
type dropped struct {
	mu       sync.Mutex
	purposes map[string]bool
}

// first reports whether this is the first mail of the purpose.
func (d *dropped) first(purpose string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.purposes[purpose] {
		return false
	}
	if d.purposes == nil {
		d.purposes = map[string]bool{}
	}
	d.purposes[purpose] = true
	return true
}

// drop forgets a mail, and says so once for its purpose when what caused it is committed.
func (q *Queue) drop(ctx context.Context, m Message) {
	database.AfterCommit(ctx, func(ctx context.Context) {
		q.metrics.count(m.Purpose, disabled)
		if q.dropped.first(m.Purpose) {
			q.parts.Log.WarnContext(ctx, "mails are disabled: those of this purpose are not sent", "purpose", m.Purpose)
		}
	})
}
