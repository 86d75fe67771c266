package audit

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

// resealBatch is how many values one transaction seals again.
const resealBatch = 200

// reseal seals again what an older ENCRYPTION_KEY has sealed, so that the old key can leave
// the ring: signing keys, keys of subjects, and marks. A process does it once, because the
// ring changes only when it is started anew.
func (l *Sealing) reseal(ctx context.Context, report jobs.Report) error {
	if l.resealed.Load() {
		return nil
	}
	var n int64
	err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		n, err = l.keys.reseal(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, each := range []func(context.Context) (int64, error){l.resealSubjects, l.remarkErasures, l.remarkProgress} {
		more, err := each(ctx)
		n += more
		if err != nil {
			return err
		}
	}
	if n > 0 {
		report["resealed"] = n
	}
	l.resealed.Store(true)
	return nil
}

// prefixOf is how everything begins that the newest key of the sealer seals: its version
// and the id of the key.
func prefixOf(s *crypto.Sealer) ([]byte, error) {
	const version, id = 1, 8
	sealed, err := s.Seal(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("audit: seal: %w", err)
	}
	return sealed[:version+id], nil
}

// resealSubjects seals the keys of subjects again.
func (l *Sealing) resealSubjects(ctx context.Context) (n int64, err error) {
	prefix, err := prefixOf(l.secrets.subjects)
	if err != nil {
		return 0, err
	}
	for after := ""; ; {
		var rows []subjectRow
		err := l.db.Read().NewSelect().Model(&rows).Where("subject > ?", after).Where("substr(secret, 1, ?) <> ?", len(prefix), prefix).
			Order("subject").Limit(resealBatch).Scan(ctx)
		if err != nil {
			return n, fmt.Errorf("audit: read keys of subjects: %w", err)
		}
		if len(rows) == 0 {
			return n, nil
		}
		after = rows[len(rows)-1].Subject
		err = l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			for _, r := range rows {
				key, err := l.secrets.openSubject(r.Subject, r.Secret)
				if err != nil {
					continue // verify tells of it
				}
				sealed, err := l.secrets.sealSubject(r.Subject, key)
				if err != nil {
					return err
				}
				// A key that was erased meanwhile stays erased.
				if _, err := tx.NewUpdate().Model(&r).Set("secret = ?", sealed).Where("subject = ?", r.Subject).Exec(ctx); err != nil {
					return fmt.Errorf("audit: seal a key of a subject: %w", err)
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += int64(len(rows))
	}
}

// remarkErasures authenticates marks of erasures again.
func (l *Sealing) remarkErasures(ctx context.Context) (n int64, err error) {
	prefix, err := prefixOf(l.marks.sealer)
	if err != nil {
		return 0, err
	}
	for after := ""; ; {
		var rows []erasureRow
		err := l.db.Read().NewSelect().Model(&rows).Where("subject > ?", after).Where("substr(mac, 1, ?) <> ?", len(prefix), prefix).
			Order("subject").Limit(resealBatch).Scan(ctx)
		if err != nil {
			return n, fmt.Errorf("audit: read erasures: %w", err)
		}
		if len(rows) == 0 {
			return n, nil
		}
		after = rows[len(rows)-1].Subject
		err = l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			for _, r := range rows {
				if !l.marks.authentic(r.MAC, markErasure, r.Subject, r.ErasedAt, "") {
					continue
				}
				code, err := l.marks.mark(markErasure, r.Subject, r.ErasedAt, "")
				if err != nil {
					return err
				}
				if _, err := tx.NewUpdate().Model(&r).Set("mac = ?", code).Where("subject = ?", r.Subject).
					Where("erased_at = ?", r.ErasedAt).Exec(ctx); err != nil {
					return fmt.Errorf("audit: authenticate an erasure: %w", err)
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += int64(len(rows))
	}
}

// remarkProgress authenticates the records of progress again.
func (l *Sealing) remarkProgress(ctx context.Context) (n int64, err error) {
	err = l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, source := range []string{progressSeals, progressPeople, progressSwept} {
			p, err := l.marks.progressOf(ctx, tx, source, true)
			if isForged(err) || (err == nil && (p.MAC == nil || l.marks.sealer.Current(p.MAC))) {
				continue
			}
			if err != nil {
				return err
			}
			if err := l.marks.setProgress(ctx, tx, source, p.ReachedAt, p.Reached); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// RotateKey makes a new signing key, with which seals are signed from now on, and returns
// its id. Those before it stay, to verify what they have signed.
func (l *Sealing) RotateKey(ctx context.Context) (string, error) {
	var id string
	err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := l.holdChain(ctx, tx, l.now()); err != nil {
			return err
		}
		key, err := l.keys.make(ctx, tx, l.now())
		if err != nil {
			return err
		}
		id = key.ID
		return l.bus.Publish(ctx, tx, events.Fact{
			Action: ActionRotateKey, ResourceType: "audit_key", ResourceID: id, Success: true,
		})
	})
	return id, err
}
