package contact

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
)

// table holds the enquiries; columns are those of an [Enquiry].
const (
	table   = "contact_enquiries"
	columns = "id, enquiry_type, name, email, company, phone, message, created_at"
)

// store reads and writes enquiries.
type store struct {
	db                    *database.DB
	insert, forget, prune *database.Stmt
}

func newStore(db *database.DB) *store {
	return &store{
		db:     db,
		insert: db.Prepare(`INSERT INTO contact_enquiries (` + columns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
		forget: db.Prepare(`DELETE FROM contact_enquiries WHERE email = ?`),
		prune: db.Prepare(`DELETE FROM contact_enquiries WHERE id IN
	(SELECT id FROM contact_enquiries WHERE created_at < ? ORDER BY created_at, id LIMIT ?)`),
	}
}

// add writes an enquiry.
func (s *store) add(ctx context.Context, tx bun.Tx, e Enquiry) error {
	_, err := s.insert.In(tx).Exec(ctx, e.ID, string(e.Type), e.Name, e.Email, e.Company, e.Phone, e.Message, e.CreatedAt)
	if err != nil {
		return fmt.Errorf("contact: add an enquiry: %w", err)
	}
	return nil
}

// Filter chooses enquiries. The zero value chooses all.
type Filter struct {
	// Type is what they are about; empty for anything.
	Type Type
	// Email is whose they are, in normal form; empty for anybody's.
	Email string
	// Since is when the oldest of them came; zero for ever.
	Since time.Time
}

// position is where a page ended.
type position struct {
	at time.Time
	id string
}

// page returns up to limit enquiries after the position, newest first.
func (s *store) page(ctx context.Context, f Filter, after *position, limit int) ([]Enquiry, error) {
	q := s.db.Read().NewSelect().Table(table).ColumnExpr(columns).Order("created_at DESC", "id DESC").Limit(int64(limit))
	if f.Type != "" {
		q = q.Where("enquiry_type = ?", string(f.Type))
	}
	if f.Email != "" {
		q = q.Where("email = ?", f.Email)
	}
	if !f.Since.IsZero() {
		q = q.Where("created_at >= ?", database.Canonical(f.Since))
	}
	if after != nil {
		q = q.Where("(created_at, id) < (?, ?)", after.at, after.id)
	}
	list := make([]Enquiry, 0, limit)
	if err := q.Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("contact: list enquiries: %w", err)
	}
	return list, nil
}

// find returns an enquiry, [apperr.ErrNotFound] when there is none.
func (s *store) find(ctx context.Context, id string) (e Enquiry, err error) {
	err = s.db.Read().NewSelect().Table(table).ColumnExpr(columns).Where("id = ?", id).Scan(ctx, &e)
	switch {
	case database.IsNotFound(err):
		return e, apperr.ErrNotFound
	case err != nil:
		return e, fmt.Errorf("contact: find an enquiry: %w", err)
	}
	return e, nil
}

// removeOf removes the enquiries of an address.
func (s *store) removeOf(ctx context.Context, tx bun.Tx, email string) error {
	if _, err := s.forget.In(tx).Exec(ctx, email); err != nil {
		return fmt.Errorf("contact: forget an address: %w", err)
	}
	return nil
}

// removeBefore removes up to limit enquiries that are older than the time, and returns how
// many.
func (s *store) removeBefore(ctx context.Context, before time.Time, limit int) (int64, error) {
	res, err := s.prune.Exec(ctx, before, limit)
	if err != nil {
		return 0, fmt.Errorf("contact: remove old enquiries: %w", err)
	}
	return res.RowsAffected()
}
