package audit

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// store reads and writes audit_entries. What every request runs is a prepared statement.
type store struct {
	db     *database.DB
	insert *database.Stmt
}

func newStore(db *database.DB) *store {
	return &store{
		db: db,
		insert: db.Prepare(`INSERT INTO audit_entries (id, created_at, action, actor_id, organization_id, resource_type, resource_id,
	success, error_type, request_id, trace_id, metadata, client_subject, detail_subject, mac, pending)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
	}
}

// add writes a row. It waits for nobody: the row names nothing that another row could hold.
func (s *store) add(ctx context.Context, tx bun.Tx, e *Entry, mac, pending []byte) error {
	_, err := s.insert.In(tx).Exec(ctx, e.ID, e.CreatedAt, e.Action, text(e.ActorID), text(e.OrganizationID), text(e.ResourceType),
		text(e.ResourceID), e.Success, text(e.ErrorType), text(e.RequestID), text(e.TraceID), e.Metadata, text(e.ClientSubject),
		text(e.DetailSubject), mac, pending)
	if err != nil {
		return fmt.Errorf("audit: add a row: %w", err)
	}
	return nil
}

// text is how a text is stored: nothing is null.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
