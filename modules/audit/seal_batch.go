package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// errRaced means that another sealer has sealed a row of the batch.
var errRaced = errors.New("audit: a row was sealed by another")

// outcome is what one batch came to.
type outcome struct {
	seal    *seal    // nil when nothing was sealed
	refused []string // rows that are not as they were written
	last    cursor
	more    bool
	// complaints are alterations that were met and did not stop the work.
	complaints []error
}

// sealOnce seals up to one batch of rows in one transaction: all of it or nothing.
func (l *Sealing) sealOnce(ctx context.Context, after cursor, patience time.Duration) (outcome, error) {
	var out outcome
	err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out = outcome{}
		return l.sealInTx(ctx, tx, after, patience, &out)
	})
	return out, err
}

func (l *Sealing) sealInTx(ctx context.Context, tx bun.Tx, after cursor, patience time.Duration, out *outcome) error {
	now := l.now()
	link, err := l.holdChain(ctx, tx, now)
	if err != nil {
		return err
	}
	rows, last, full, err := l.unsealed(ctx, tx, after, now.Add(-patience))
	if err != nil {
		return err
	}
	out.last, out.more, out.complaints = last, full, link.complaints
	b := &batch{}
	for i := range rows {
		if !b.take(l.secrets, &rows[i]) {
			out.refused = append(out.refused, rows[i].ID)
		}
	}
	if len(b.rows) == 0 {
		return nil
	}
	key, unusable, err := l.keys.current(ctx, tx, now)
	if err != nil {
		return err
	}
	out.complaints = append(out.complaints, unusable...)
	if err := b.commit(ctx, tx, l, out); err != nil || len(b.rows) == 0 {
		return err
	}
	s := b.seal(link, key, now)
	if err := b.write(ctx, tx, l, s, key); err != nil {
		return err
	}
	if !link.lost {
		if err := l.marks.setProgress(ctx, tx, progressSeals, s.SealedAt, sealRecord(s)); err != nil {
			return err
		}
	}
	out.seal = s
	return nil
}

// link is where the next seal is fastened.
type link struct {
	number int64 // of the seal before
	head   digest
	// lost is true when the record of the newest seal is not one that this module wrote. It
	// is left as it is, so that verify tells of it.
	lost       bool
	complaints []error
}

// holdChain holds the record of the newest seal, so that one sealer follows the other, and
// returns what the next seal is fastened to: that record or, if it is newer, what
// audit_seals has. A seal that was deleted from the end leaves its number unused.
func (l *Sealing) holdChain(ctx context.Context, tx bun.Tx, now time.Time) (link, error) {
	p, err := l.marks.progressOf(ctx, tx, progressSeals, true)
	if err == nil && p.MAC == nil {
		p, err = l.beginChain(ctx, tx, now)
	}
	var at link
	if errors.Is(err, errForged) {
		at.lost, at.complaints = true, []error{err}
	} else if err != nil {
		return at, err
	} else if at.number, at.head, err = parseSealRecord(p.Reached); err != nil {
		return at, err
	}
	var newest struct {
		Number int64
		Head   []byte
	}
	err = tx.NewRaw("SELECT number, head FROM audit_seals ORDER BY number DESC LIMIT 1").Scan(ctx, &newest)
	if database.IsNotFound(err) {
		return at, nil
	}
	if err != nil {
		return at, fmt.Errorf("audit: read the newest seal: %w", err)
	}
	if newest.Number > at.number {
		at.number = newest.Number
		copy(at.head[:], newest.Head)
	}
	return at, nil
}

// beginChain makes the record of the newest seal where there is none, and holds it. A chain
// that has seals and no record was altered.
func (l *Sealing) beginChain(ctx context.Context, tx bun.Tx, now time.Time) (progress, error) {
	var n int64
	if err := tx.NewRaw("SELECT count(*) FROM (SELECT 1 FROM audit_seals LIMIT 1) AS one").Scan(ctx, &n); err != nil {
		return progress{}, fmt.Errorf("audit: look for seals: %w", err)
	}
	if n > 0 {
		return progress{}, fmt.Errorf("%w: the record of the newest seal is gone", errForged)
	}
	p := progress{Source: progressSeals, ReachedAt: now, Reached: sealRecord(&seal{})}
	var err error
	if p.MAC, err = l.marks.mark(markProgress, p.Source, p.ReachedAt, p.Reached); err != nil {
		return p, err
	}
	if _, err := tx.NewInsert().Model(&p).On("CONFLICT (source) DO NOTHING").Exec(ctx); err != nil {
		return p, fmt.Errorf("audit: begin the chain: %w", err)
	}
	return l.marks.progressOf(ctx, tx, progressSeals, true)
}

// sealRecord is how the newest seal is recorded.
func sealRecord(s *seal) string { return itoa(s.Number) + " " + hex.EncodeToString(s.Head[:]) }

func parseSealRecord(text string) (number int64, head digest, err error) {
	n, h, _ := strings.Cut(text, " ")
	b, err := hex.DecodeString(h)
	if err == nil {
		_, err = fmt.Sscan(n, &number)
	}
	if err != nil || len(b) != len(head) {
		return 0, head, fmt.Errorf("audit: %q is no record of a seal", text)
	}
	return number, digest(b), nil
}

// batch are the rows of a seal that is being made.
type batch struct{ rows []sealable }

// sealable is an unsealed row that is as it was written.
type sealable struct {
	*rawEntry

	client, detail part
	leaf           digest
}

// part is one part of a row's personal data.
type part struct {
	name, subject string
	content       []byte // nil when the row has none
	commitment    []byte
	stored        []byte // nil when the subject was erased
}

// take adds a row and reports whether it is as it was written.
func (b *batch) take(s *secrets, e *rawEntry) bool {
	p, ok := s.judge(e)
	if !ok {
		return false
	}
	r := sealable{rawEntry: e}
	r.client, r.detail = part{name: partClient, subject: e.ClientSubject}, part{name: partDetail, subject: e.DetailSubject}
	var err error
	if p.Client != nil && e.ClientSubject != "" {
		if r.client.content, err = json.Marshal(p.Client); err != nil {
			return false
		}
	}
	if p.Detail != nil && e.DetailSubject != "" {
		if r.detail.content, err = json.Marshal(p.Detail); err != nil {
			return false
		}
	}
	b.rows = append(b.rows, r)
	return true
}

// judge tells whether an unsealed row is as it was written, and opens its personal data.
func (s *secrets) judge(e *rawEntry) (personal, bool) {
	if e.wrong != "" || !s.rowAuthentic(e.mac, e.canonical()) {
		return personal{}, false
	}
	p, err := s.openPending(e.ID, e.mac, e.pending)
	return p, err == nil
}

// parts are the row's parts that have content.
func (r *sealable) parts() []*part {
	var all []*part
	for _, p := range []*part{&r.client, &r.detail} {
		if p.content != nil {
			all = append(all, p)
		}
	}
	return all
}

// seal makes the seal of the rows.
func (b *batch) seal(at link, key *signingKey, now time.Time) *seal {
	s := &seal{
		Number: at.number + 1, SealedAt: now, Entries: int64(len(b.rows)), Previous: at.head, KeyID: key.ID,
		FirstAt: b.rows[0].CreatedAt, LastAt: b.rows[0].CreatedAt,
	}
	var tree merkle
	for i := range b.rows {
		r := &b.rows[i]
		r.leaf = leafOf(&r.Entry, r.client.commitment, r.detail.commitment)
		tree.add(r.leaf)
		if r.CreatedAt.Before(s.FirstAt) {
			s.FirstAt = r.CreatedAt
		}
		if r.CreatedAt.After(s.LastAt) {
			s.LastAt = r.CreatedAt
		}
	}
	s.Root = tree.root()
	s.Head = s.head()
	s.Signature = key.sign(s.signed())
	return s
}
