package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// sealRow, memberRow, personalRow and subjectRow are rows of the tables of the same name.
type (
	sealRow struct {
		bun.BaseModel `bun:"table:audit_seals"`

		Number    int64     `bun:"number,pk"`
		SealedAt  time.Time `bun:"sealed_at"`
		Entries   int64     `bun:"entries"`
		FirstAt   time.Time `bun:"first_at"`
		LastAt    time.Time `bun:"last_at"`
		Root      []byte    `bun:"root"`
		Previous  []byte    `bun:"previous"`
		Head      []byte    `bun:"head"`
		KeyID     string    `bun:"key_id"`
		Signature []byte    `bun:"signature"`
	}
	memberRow struct {
		bun.BaseModel `bun:"table:audit_seal_entries"`

		EntryID          string `bun:"entry_id,pk"`
		Seal             int64  `bun:"seal"`
		Position         int64  `bun:"position"`
		ClientCommitment []byte `bun:"client_commitment"`
		DetailCommitment []byte `bun:"detail_commitment"`
		Leaf             []byte `bun:"leaf"`
		MAC              []byte `bun:"mac"`
	}
	personalRow struct {
		bun.BaseModel `bun:"table:audit_personal"`

		EntryID string `bun:"entry_id,pk"`
		Part    string `bun:"part,pk"`
		Subject string `bun:"subject"`
		Content []byte `bun:"content"`
	}
	subjectRow struct {
		bun.BaseModel `bun:"table:audit_subjects"`

		Subject string `bun:"subject,pk"`
		Secret  []byte `bun:"secret"`
	}
)

// commit makes the commitments of the batch's personal data and encrypts it with the keys
// of its subjects. Rows of a subject whose key cannot be opened are refused. The data of
// subjects that were erased is dropped: the commitment is made with a key that nobody has.
func (b *batch) commit(ctx context.Context, tx bun.Tx, l *Sealing, out *outcome) error {
	subjects := b.subjects()
	if len(subjects) == 0 {
		return nil
	}
	erased, err := l.erasures(ctx, tx, subjects)
	if err != nil {
		return err
	}
	keys, broken, err := l.subjectKeys(ctx, tx, b.alive(erased))
	if err != nil {
		return err
	}
	out.complaints = append(out.complaints, broken...)
	kept := b.rows[:0]
	for i := range b.rows {
		r := b.rows[i]
		ok, err := r.commit(l.secrets, keys, erased)
		if err != nil {
			return err
		}
		if !ok {
			out.refused = append(out.refused, r.ID)
			continue
		}
		kept = append(kept, r)
	}
	b.rows = kept
	return nil
}

// commit makes the commitments of one row, and reports whether it had the keys for it.
func (r *sealable) commit(s *secrets, keys map[string][]byte, erased map[string]time.Time) (ok bool, err error) {
	for _, p := range r.parts() {
		gone := covers(erased, p.subject, r.CreatedAt)
		key := keys[p.subject]
		if gone {
			if key, err = s.newSubjectKey(); err != nil {
				return false, err
			}
		}
		if key == nil {
			return false, nil
		}
		if p.commitment, err = commitment(key, r.ID, p.name, p.content); err != nil {
			return false, err
		}
		if gone {
			continue
		}
		if p.stored, err = s.sealPart(key, r.ID, p.name, p.content); err != nil {
			return false, err
		}
	}
	return true, nil
}

// covers reports whether personal data of a row of that time was erased.
func covers(erased map[string]time.Time, subject string, created time.Time) bool {
	at, ok := erased[subject]
	return ok && !at.Before(created)
}

// subjects are whose personal data is in the batch.
func (b *batch) subjects() []string {
	return b.alive(nil)
}

// alive are the subjects whose personal data will be kept.
func (b *batch) alive(erased map[string]time.Time) []string {
	var all []string
	for i := range b.rows {
		for _, p := range b.rows[i].parts() {
			if !covers(erased, p.subject, b.rows[i].CreatedAt) {
				all = append(all, p.subject)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// subjectKeys returns the keys of the subjects and makes those that are missing. broken are
// the ones that cannot be opened; they are not in the map.
func (l *Sealing) subjectKeys(ctx context.Context, tx bun.Tx, subjects []string) (keys map[string][]byte, broken []error, err error) {
	keys = make(map[string][]byte, len(subjects))
	if len(subjects) == 0 {
		return keys, nil, nil
	}
	var rows []subjectRow
	if err := tx.NewSelect().Model(&rows).Where("subject IN (?)", bun.List(subjects)).Scan(ctx); err != nil {
		return nil, nil, fmt.Errorf("read keys of subjects: %w", err)
	}
	known := make(map[string]bool, len(rows))
	for _, r := range rows {
		known[r.Subject] = true
		key, err := l.secrets.openSubject(r.Subject, r.Secret)
		if err != nil {
			broken = append(broken, fmt.Errorf("audit: open the key of a subject: %w", err))
			continue
		}
		keys[r.Subject] = key
	}
	var made []subjectRow
	for _, subject := range subjects {
		if known[subject] {
			continue
		}
		key, err := l.secrets.newSubjectKey()
		if err != nil {
			return nil, nil, err
		}
		sealed, err := l.secrets.sealSubject(subject, key)
		if err != nil {
			return nil, nil, err
		}
		keys[subject] = key
		made = append(made, subjectRow{Subject: subject, Secret: sealed})
	}
	if len(made) == 0 {
		return keys, broken, nil
	}
	if _, err := tx.NewInsert().Model(&made).Exec(ctx); err != nil {
		return nil, nil, fmt.Errorf("add keys of subjects: %w", err)
	}
	return keys, broken, nil
}

// write writes the seal, which row lies where under it, and the personal data, and makes
// the rows sealed ones.
func (b *batch) write(ctx context.Context, tx bun.Tx, l *Sealing, s *seal, key *signingKey) error {
	members := make([]memberRow, len(b.rows))
	ids := make([]string, len(b.rows))
	var parts []personalRow
	for i := range b.rows {
		r := &b.rows[i]
		ids[i] = r.ID
		members[i] = memberRow{
			EntryID: r.ID, Seal: s.Number, Position: int64(i), Leaf: r.leaf[:],
			ClientCommitment: r.client.commitment, DetailCommitment: r.detail.commitment,
			MAC: key.memberMAC(r.ID, s.Number, int64(i), r.leaf, r.client.commitment, r.detail.commitment),
		}
		for _, p := range r.parts() {
			if p.stored != nil {
				parts = append(parts, personalRow{EntryID: r.ID, Part: p.name, Subject: p.subject, Content: p.stored})
			}
		}
	}
	row := sealRow{
		Number: s.Number, SealedAt: s.SealedAt, Entries: s.Entries, FirstAt: s.FirstAt, LastAt: s.LastAt, Root: s.Root[:],
		Previous: s.Previous[:], Head: s.Head[:], KeyID: s.KeyID, Signature: s.Signature,
	}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	if err == nil {
		_, err = tx.NewInsert().Model(&members).Exec(ctx)
	}
	if err == nil && len(parts) > 0 {
		_, err = tx.NewInsert().Model(&parts).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("write a seal: %w", err)
	}
	return l.markSealed(ctx, tx, ids)
}

// markSealed takes from rows what only unsealed rows have.
func (l *Sealing) markSealed(ctx context.Context, tx bun.Tx, ids []string) error {
	q := tx.NewUpdate().Table("audit_entries").Set("pending = NULL").Set("mac = ?", []byte{}).
		Where("id IN (?)", bun.List(ids)).Where("pending IS NOT NULL")
	if l.db.Dialect() == database.PostgreSQL {
		q = q.Set("xid = '0'")
	}
	result, err := q.Exec(ctx)
	if err != nil {
		return fmt.Errorf("mark rows as sealed: %w", err)
	}
	n, err := result.RowsAffected()
	if err == nil && n != int64(len(ids)) {
		err = errRaced
	}
	return err
}

// isForged reports whether err is about a mark that this module did not make.
func isForged(err error) bool { return errors.Is(err, errForged) }
