package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/jobs"
)

const (
	// reconcileBatch is how many deletion marks one transaction reads.
	reconcileBatch = 200
	// reconcileLag is how far before the last mark that was read reading begins again: a
	// mark may be committed after a later one.
	reconcileLag = time.Minute
)

// reconcile is the job reconcile_audit: it erases users that were deleted while this module
// was off and could not hear of it. Only their ids are known then, so failed log-ins with
// their address from before they had an account stay under the keyed hash of the address.
func (l *Sealing) reconcile(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{}
	p, err := l.marks.progressOf(ctx, l.db.Read(), progressPeople, false)
	if isForged(err) {
		p = progress{} // all of them again
	} else if err != nil {
		return report, err
	}
	last := authn.DeletionMark{At: p.ReachedAt, ID: p.Reached}
	after := last
	if !after.At.IsZero() {
		after = authn.DeletionMark{At: after.At.Add(-reconcileLag)}
	}
	for ctx.Err() == nil {
		marks, err := l.people.UsersDeleted(ctx, l.db.Read(), after, reconcileBatch)
		if err != nil {
			return report, fmt.Errorf("audit: read deletion marks: %w", err)
		}
		if len(marks) == 0 || marks[len(marks)-1] == last {
			return report, nil
		}
		n, err := l.eraseMarked(ctx, marks)
		report["erased"] += n
		if err != nil {
			return report, err
		}
		after = marks[len(marks)-1]
		if len(marks) < reconcileBatch {
			return report, nil
		}
	}
	return report, ctx.Err()
}

// eraseMarked erases the users of the marks that were not erased yet, and records how far
// it has read.
func (l *Sealing) eraseMarked(ctx context.Context, marks []authn.DeletionMark) (n int64, err error) {
	subjects := make([]string, len(marks))
	for i, m := range marks {
		subjects[i] = subjectUser + m.ID
	}
	err = l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		erased, err := l.erasures(ctx, tx, subjects)
		if err != nil {
			return err
		}
		missed := subjects[:0:0]
		for _, s := range subjects {
			if _, ok := erased[s]; !ok {
				missed = append(missed, s)
			}
		}
		if n = int64(len(missed)); n > 0 {
			if err := l.erase(ctx, tx, missed, l.now()); err != nil {
				return err
			}
		}
		last := marks[len(marks)-1]
		return l.marks.setProgress(ctx, tx, progressPeople, last.At, last.ID)
	})
	return n, err
}
