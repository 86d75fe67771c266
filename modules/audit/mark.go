package audit

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
)

// labelMark is the label under which marks are authenticated.
const labelMark = "audit mark"

// marker authenticates small records: erasures and progress. A code is an empty value that
// crypto.Sealer has sealed with the record as associated data, because that carries the id
// of its key and can be made anew when ENCRYPTION_KEY is rotated.
type marker struct{ sealer *crypto.Sealer }

// The kinds of marks.
const (
	markErasure  = "erasure"
	markProgress = "progress"
)

func markData(kind, name string, at time.Time, value string) []byte {
	b := appendSized(appendSized(nil, []byte(kind)), []byte(name))
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMicro()))
	return appendSized(b, []byte(value))
}

func (m marker) mark(kind, name string, at time.Time, value string) ([]byte, error) {
	code, err := m.sealer.Seal(nil, markData(kind, name, at, value))
	if err != nil {
		return nil, fmt.Errorf("audit: authenticate a mark: %w", err)
	}
	return code, nil
}

func (m marker) authentic(code []byte, kind, name string, at time.Time, value string) bool {
	_, err := m.sealer.Open(code, markData(kind, name, at, value))
	return err == nil
}

// The sources of progress.
const (
	// progressSeals is the newest seal: "<number> <head>". Sealers hold it in turn.
	progressSeals = "seals"
	// progressPeople is the last deletion mark that was read of the module that has users.
	progressPeople = "people"
	// progressSwept is up to when erasures have been swept.
	progressSwept = "swept"
)

// progress is a row of audit_progress.
type progress struct {
	bun.BaseModel `bun:"table:audit_progress"`

	Source    string    `bun:"source,pk"`
	ReachedAt time.Time `bun:"reached_at"`
	Reached   string    `bun:"reached"`
	MAC       []byte    `bun:"mac"`
}

// errForged means that a mark is not one that this module made.
var errForged = errors.New("audit: a mark was altered")

// progressOf reads how far a source was read; the zero progress when it never was. With
// hold the row stays held until the transaction ends.
func (m marker) progressOf(ctx context.Context, db bun.IDB, source string, hold bool) (progress, error) {
	p := progress{Source: source}
	q := db.NewSelect().Model(&p).Where("source = ?", source)
	if hold && db.Dialect().Name() == dialect.PG {
		q = q.For("UPDATE")
	}
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return progress{Source: source}, nil
	}
	if err != nil {
		return p, fmt.Errorf("audit: read the progress of %s: %w", source, err)
	}
	if !m.authentic(p.MAC, markProgress, p.Source, p.ReachedAt, p.Reached) {
		return p, fmt.Errorf("%w: the progress of %s", errForged, source)
	}
	return p, nil
}

// setProgress writes how far a source was read.
func (m marker) setProgress(ctx context.Context, tx bun.Tx, source string, at time.Time, reached string) error {
	p := progress{Source: source, ReachedAt: database.Canonical(at), Reached: reached}
	var err error
	if p.MAC, err = m.mark(markProgress, source, p.ReachedAt, reached); err != nil {
		return err
	}
	_, err = tx.NewInsert().Model(&p).On("CONFLICT (source) DO UPDATE").
		Set("reached_at = excluded.reached_at").Set("reached = excluded.reached").Set("mac = excluded.mac").Exec(ctx)
	if err != nil {
		return fmt.Errorf("audit: write the progress of %s: %w", source, err)
	}
	return nil
}
