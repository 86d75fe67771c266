package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/jobs"
)

const (
	// sealEvery is the interval of the seal job. A row is sealed within twice that of its
	// commit.
	sealEvery = 5 * time.Second
	// sealBatch is how many rows one seal has at most. SQLite has one writer for which
	// requests wait, so its transactions are shorter.
	sealBatch       = 500
	sealBatchSQLite = 150
	// settled is after how long a row is sealed although transactions are open that began
	// before its own. They have committed nothing yet; if they do, their rows are sealed
	// later.
	settled = 2 * time.Second
	// sealAttempts is how often a batch is tried again that another sealer was faster with.
	sealAttempts = 3
)

// seal is the job seal_audit: it seals whatever is committed and not sealed.
func (l *Sealing) seal(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{}
	if err := l.reseal(ctx, report); err != nil {
		return report, err
	}
	if err := l.sweep(ctx, report); err != nil {
		return report, err
	}
	return report, l.drain(ctx, report, settled)
}

// Seal seals whatever is committed and not sealed, and returns how many rows it sealed and
// how many it refused because they were altered.
func (l *Sealing) Seal(ctx context.Context) (sealed, refused int64, err error) {
	report, err := l.seal(ctx)
	return report["rows"], report["refused"], err
}

// drain seals batch after batch until nothing is left or the time is over. patience is for
// how long rows wait for older transactions; less than nothing seals whatever can be seen.
func (l *Sealing) drain(ctx context.Context, report jobs.Report, patience time.Duration) error {
	var after cursor
	var first string
	for ctx.Err() == nil {
		done, err := l.sealNext(ctx, after, patience)
		if err != nil && ctx.Err() != nil && report["seals"] > 0 {
			break // the time is over; what is left is for the next run
		}
		if err != nil {
			return err
		}
		if n := int64(len(done.refused)); n > 0 {
			l.refused.Add(float64(n))
			report["refused"] += n
			if first == "" {
				first = done.refused[0]
			}
		}
		if done.seal != nil {
			report["seals"]++
			report["rows"] += done.seal.Entries
		}
		if !done.more {
			break
		}
		after = done.last
	}
	if first != "" {
		l.log.ErrorContext(ctx, "rows of the audit trail were altered before they were sealed; authy2 audit verify tells which",
			"rows", report["refused"], "first", first)
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// sealNext seals the next batch after the cursor, again when another sealer came first.
func (l *Sealing) sealNext(ctx context.Context, after cursor, patience time.Duration) (outcome, error) {
	waiting, err := l.waiting(ctx)
	if err != nil || !waiting {
		return outcome{}, err
	}
	for n := 1; ; n++ {
		done, err := l.sealOnce(ctx, after, patience)
		if err == nil {
			l.announce(ctx, done)
			return done, nil
		}
		if raced := database.IsUnique(err, "") || errors.Is(err, errRaced); !raced || n == sealAttempts {
			return outcome{}, fmt.Errorf("audit: seal: %w", err)
		}
	}
}

// waiting reports whether there are unsealed rows, so that an idle system writes nothing.
func (l *Sealing) waiting(ctx context.Context) (bool, error) {
	var n int
	err := l.db.Read().NewRaw("SELECT count(*) FROM (SELECT 1 FROM audit_entries WHERE pending IS NOT NULL LIMIT 1) AS one").Scan(ctx, &n)
	if err != nil {
		return false, fmt.Errorf("audit: look for unsealed rows: %w", err)
	}
	return n > 0, nil
}

// announce takes the head of a new seal out of the database: into the log and the file.
// Whoever could alter the database could not alter those.
func (l *Sealing) announce(ctx context.Context, done outcome) {
	for _, err := range done.complaints {
		l.log.ErrorContext(ctx, "the audit trail was altered; authy2 audit verify tells where", "err", err)
	}
	s := done.seal
	if s == nil {
		return
	}
	l.seals.Inc()
	l.rows.Add(float64(s.Entries))
	l.log.InfoContext(ctx, "audit sealed", "seal", s.Number, "rows", s.Entries, "head", fmt.Sprintf("%x", s.Head), "key", s.KeyID)
	if err := l.heads.add(s); err != nil {
		l.log.ErrorContext(ctx, "the head of a seal could not be written to AUDIT_HEAD_FILE", "seal", s.Number, "err", err)
	}
}
