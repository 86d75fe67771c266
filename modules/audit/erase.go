package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

const (
	// erasureReach is how far beyond its moment an erasure reaches. Requests of the user may
	// still be under way, and the deletion itself is a fact that follows.
	erasureReach = time.Minute
	// sweepLag is for how long an erasure is swept again: longer than a seal that had not
	// seen it can still be under way.
	sweepLag = 5 * time.Minute
	// sweepBatch is how many erasures are swept together.
	sweepBatch = 500
	// eraseRows is how many pieces of personal data one transaction removes. Whoever waits
	// for an erasure waits for no more; without their key the others cannot be read, and
	// they go with the next sweeps.
	eraseRows = 2_000
	// sweepRounds is how many such transactions one sweep has, so that sealing goes on.
	sweepRounds = 20
)

// erasureRow is a row of audit_erasures.
type erasureRow struct {
	bun.BaseModel `bun:"table:audit_erasures"`

	Subject  string    `bun:"subject,pk"`
	ErasedAt time.Time `bun:"erased_at"`
	MAC      []byte    `bun:"mac"`
}

// userDeleted forgets a user in the transaction that deletes them. It waits for nobody:
// unsealed rows are left to the sealer, which drops what was erased.
func (l *Sealing) userDeleted(ctx context.Context, tx bun.Tx, e events.UserDeleted) error {
	subjects := []string{subjectUser + e.UserID}
	if e.Email != "" {
		subjects = append(subjects, l.secrets.emailSubjects(e.Email)...)
	}
	return l.erase(ctx, tx, subjects, l.now())
}

// erase marks the subjects erased as of a moment and removes their keys and, up to a bound,
// their data: three statements.
func (l *Sealing) erase(ctx context.Context, tx bun.Tx, subjects []string, at time.Time) error {
	rows := make([]erasureRow, len(subjects))
	for i, subject := range subjects {
		r := erasureRow{Subject: subject, ErasedAt: database.Canonical(at.Add(erasureReach))}
		var err error
		if r.MAC, err = l.marks.mark(markErasure, r.Subject, r.ErasedAt, ""); err != nil {
			return err
		}
		rows[i] = r
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (subject) DO UPDATE").
		Set("erased_at = excluded.erased_at").Set("mac = excluded.mac").
		Where("erasure_row.erased_at < excluded.erased_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("audit: mark an erasure: %w", err)
	}
	if _, err = tx.NewDelete().Model((*subjectRow)(nil)).Where("subject IN (?)", bun.List(subjects)).Exec(ctx); err != nil {
		return fmt.Errorf("audit: erase keys: %w", err)
	}
	_, err = tx.NewRaw("DELETE FROM audit_personal WHERE (entry_id, part) IN (SELECT entry_id, part FROM audit_personal WHERE subject IN (?) LIMIT ?)",
		bun.List(subjects), eraseRows).Exec(ctx)
	if err != nil {
		return fmt.Errorf("audit: erase personal data: %w", err)
	}
	return nil
}

// erasures returns up to when which of the subjects were erased. Marks that this module did
// not make count for nothing.
func (l *Sealing) erasures(ctx context.Context, db bun.IDB, subjects []string) (map[string]time.Time, error) {
	erased := map[string]time.Time{}
	if len(subjects) == 0 {
		return erased, nil
	}
	d := l.db.Dialect()
	query := "SELECT subject, " + rawTime(d, "erased_at") + ", mac FROM audit_erasures WHERE subject IN (?)"
	err := queryRaw(ctx, db, 3, query, []any{bun.List(subjects)}, func(v []raw) error {
		if subject, at, ok := l.readErasure(v); ok {
			erased[subject] = at
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	return erased, nil
}

// readErasure reads a mark, and reports whether this module made it.
func (l *Sealing) readErasure(v []raw) (subject string, at time.Time, ok bool) {
	subject, isText := v[0].text()
	at, isTime := v[1].moment(l.db.Dialect())
	code, isCode := v[2].bytes()
	return subject, at, isText && isTime && isCode && l.marks.authentic(code, markErasure, subject, at, "")
}

// sweep removes what a seal has written of subjects that were erased while it was made:
// the erasure could not see it, and does not wait for it. It also removes what was more
// than an erasure removes at once.
func (l *Sealing) sweep(ctx context.Context, report jobs.Report) error {
	p, err := l.marks.progressOf(ctx, l.db.Read(), progressSwept, false)
	if isForged(err) {
		p = progress{} // all of them again, and a new record
	} else if err != nil {
		return err
	}
	since, until := p.ReachedAt, l.now().Add(-sweepLag)
	reached, rounds := since, sweepRounds
	for after := ""; ; {
		rows, err := l.erasedSince(ctx, since, after)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		subjects := make([]string, len(rows))
		for i, r := range rows {
			subjects[i] = r.Subject
			if r.ErasedAt.After(reached) && !r.ErasedAt.After(until) {
				reached = r.ErasedAt
			}
		}
		done, err := l.sweepSubjects(ctx, subjects, &rounds, report)
		if err != nil || !done {
			return err
		}
		after = rows[len(rows)-1].Subject
	}
	if !reached.After(since) {
		return nil
	}
	return l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return l.marks.setProgress(ctx, tx, progressSwept, reached, "")
	})
}

// erasedSince reads marks that reach beyond a moment, by subject.
func (l *Sealing) erasedSince(ctx context.Context, since time.Time, after string) ([]erasureRow, error) {
	var rows []erasureRow
	err := l.db.Read().NewSelect().Model(&rows).Where("erased_at > ?", since).Where("subject > ?", after).
		Order("subject").Limit(sweepBatch).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("audit: read erasures: %w", err)
	}
	return rows, nil
}

// sweepSubjects removes data of erased subjects, and keys that are left without data, and
// reports whether that is done with the rounds that are left. It writes only when there is
// something to remove.
func (l *Sealing) sweepSubjects(ctx context.Context, subjects []string, rounds *int, report jobs.Report) (done bool, err error) {
	const doomed = `EXISTS (SELECT 1 FROM audit_erasures AS x JOIN audit_entries AS e ON e.id = audit_personal.entry_id
		WHERE x.subject = audit_personal.subject AND x.erased_at >= e.created_at)`
	const idle = `NOT EXISTS (SELECT 1 FROM audit_personal AS p WHERE p.subject = audit_subjects.subject)`
	var waiting int64
	err = l.db.Read().NewRaw("SELECT (SELECT count(*) FROM audit_personal WHERE subject IN (?0) AND "+doomed+
		") + (SELECT count(*) FROM audit_subjects WHERE subject IN (?0) AND "+idle+")", bun.List(subjects)).Scan(ctx, &waiting)
	if err != nil || waiting == 0 {
		return err == nil, err
	}
	for ; *rounds > 0 && !done; *rounds-- {
		var n int64
		err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			// A seal under way would not see that its key goes: it is waited for.
			if _, err := l.holdChain(ctx, tx, l.now()); err != nil {
				return err
			}
			result, err := tx.NewRaw("DELETE FROM audit_personal WHERE (entry_id, part) IN (SELECT entry_id, part FROM audit_personal WHERE subject IN (?) AND "+
				doomed+" LIMIT ?)", bun.List(subjects), eraseRows).Exec(ctx)
			if err != nil {
				return fmt.Errorf("audit: sweep personal data: %w", err)
			}
			if n, err = result.RowsAffected(); err != nil || n == eraseRows {
				return err
			}
			result, err = tx.NewRaw("DELETE FROM audit_subjects WHERE subject IN (?) AND "+idle, bun.List(subjects)).Exec(ctx)
			if err != nil {
				return fmt.Errorf("audit: sweep keys: %w", err)
			}
			keys, err := result.RowsAffected()
			n, done = n+keys, true
			return err
		})
		if err != nil {
			return false, err
		}
		report["swept"] += n
	}
	return done, nil
}
