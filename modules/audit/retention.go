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

// pruneSeals is how many seals one transaction prunes: a seal has up to sealBatch rows.
const pruneSeals = 2

// prune is the job prune_audit: it removes the rows of whole seals that are older than rows
// are kept. The seal stays, with a signed mark that its rows were removed on purpose.
func (l *Sealing) prune(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{}
	if l.config.RetentionDays <= 0 {
		return report, nil
	}
	before := l.now().AddDate(0, 0, -l.config.RetentionDays)
	due, err := l.countPrunable(ctx, before)
	if err != nil || due == 0 {
		return report, err
	}
	// The fact comes first: what is removed afterwards was never removed without one.
	if err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return l.bus.Publish(ctx, tx, events.Fact{
			Action: ActionPrune, ResourceType: "audit_trail", Success: true,
			Metadata: map[string]string{"before": before.Format(time.RFC3339), "seals": itoa(due)},
		})
	}); err != nil {
		return report, fmt.Errorf("audit: prune: %w", err)
	}
	for after := int64(0); ctx.Err() == nil; {
		done, err := l.pruneNext(ctx, before, after)
		if err != nil {
			return report, fmt.Errorf("audit: prune: %w", err)
		}
		if done.last == 0 {
			return report, nil
		}
		after = done.last
		report["seals"] += done.seals
		report["rows"] += done.rows
		if done.broken > 0 {
			report["broken"] += done.broken
			l.log.ErrorContext(ctx, "old seals of the audit trail were altered and are not pruned; authy2 audit verify tells which", "seals", done.broken)
		}
	}
	return report, ctx.Err()
}

// Prune removes rows that are older than they are kept, as the job does.
func (l *Sealing) Prune(ctx context.Context) error {
	_, err := l.prune(ctx)
	return err
}

func (l *Sealing) countPrunable(ctx context.Context, before time.Time) (n int64, err error) {
	err = l.db.Read().NewRaw("SELECT count(*) FROM audit_seals WHERE pruned_at IS NULL AND last_at < ?", before).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("audit: look for old seals: %w", err)
	}
	return n, nil
}

// pruned is what one transaction of pruning came to.
type pruned struct {
	seals, rows, broken int64
	last                int64 // the last seal that was looked at; 0 when there was none
}

// pruneNext prunes the next few seals after one, in one transaction. It passes by seals
// that are not as they were signed: a time that was altered would otherwise be a way to
// have rows removed.
func (l *Sealing) pruneNext(ctx context.Context, before time.Time, after int64) (done pruned, err error) {
	err = l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		done = pruned{}
		// A seal under way would not see that the key of a subject goes: it is waited for.
		if _, err := l.holdChain(ctx, tx, l.now()); err != nil {
			return err
		}
		d := l.db.Dialect()
		var old []seal
		query := "SELECT " + sealColumns(d) + " FROM audit_seals WHERE pruned_at IS NULL AND last_at < ? AND number > ? ORDER BY number LIMIT ?"
		err := queryRaw(ctx, tx, sealColumnCount, query, []any{before, after, pruneSeals}, func(v []raw) error {
			s, wrong := readSeal(d, v)
			done.last = s.Number
			if wrong != "" {
				done.broken++
				return nil
			}
			old = append(old, s)
			return nil
		})
		if err != nil || len(old) == 0 {
			return err
		}
		key, _, err := l.keys.current(ctx, tx, l.now())
		if err != nil {
			return err
		}
		known, err := l.keys.publics(ctx, tx)
		if err != nil {
			return err
		}
		for i := range old {
			if public, ok := known[old[i].KeyID]; !ok || !old[i].verifiedBy(public) {
				done.broken++
				continue
			}
			n, err := l.pruneSeal(ctx, tx, &old[i], key)
			if err != nil {
				return err
			}
			done.rows += n
			done.seals++
		}
		return nil
	})
	return done, err
}

// pruneSeal removes the rows of a seal and marks it.
func (l *Sealing) pruneSeal(ctx context.Context, tx bun.Tx, s *seal, key *signingKey) (int64, error) {
	const ofSeal = "(SELECT entry_id FROM audit_seal_entries WHERE seal = ?)"
	var subjects []string
	err := tx.NewRaw("DELETE FROM audit_personal WHERE entry_id IN "+ofSeal+" RETURNING subject", s.Number).Scan(ctx, &subjects)
	if err != nil && !database.IsNotFound(err) {
		return 0, fmt.Errorf("remove personal data: %w", err)
	}
	if len(subjects) > 0 {
		_, err = tx.NewRaw("DELETE FROM audit_subjects WHERE subject IN (?) AND NOT EXISTS "+
			"(SELECT 1 FROM audit_personal AS p WHERE p.subject = audit_subjects.subject)", bun.List(subjects)).Exec(ctx)
		if err != nil {
			return 0, fmt.Errorf("remove keys of subjects: %w", err)
		}
	}
	result, err := tx.NewRaw("DELETE FROM audit_entries WHERE id IN "+ofSeal, s.Number).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("remove rows: %w", err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("remove rows: %w", err)
	}
	if _, err := tx.NewRaw("DELETE FROM audit_seal_entries WHERE seal = ?", s.Number).Exec(ctx); err != nil {
		return 0, fmt.Errorf("remove rows: %w", err)
	}
	s.PrunedAt = l.now()
	_, err = tx.NewRaw("UPDATE audit_seals SET pruned_at = ?, prune_signature = ? WHERE number = ?",
		s.PrunedAt, appendKeyed(key, s.pruneSigned()), s.Number).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("mark a seal: %w", err)
	}
	return rows, nil
}

// appendKeyed signs data and puts the id of the key before the signature, because a seal is
// marked long after it was signed, with another key.
func appendKeyed(key *signingKey, data []byte) []byte {
	return append([]byte(key.ID), key.sign(data)...)
}

// keyed takes apart what appendKeyed made.
func keyed(b []byte) (keyID string, signature []byte, ok bool) {
	const id = 16
	if len(b) <= id {
		return "", nil, false
	}
	return string(b[:id]), b[id:], true
}
