package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/authy2/backend/platform/database"
)

// Scope is whose trail is read: that of an organization, or that of a user.
type Scope struct {
	// OrganizationID shows acts in the organization, and nothing that its members do
	// elsewhere.
	OrganizationID string
	// UserID shows what the user did, and what was done to their account.
	UserID string
	// Operator shows everything, to whoever holds the keys of the installation.
	Operator bool
}

// position is where a page ended.
type position struct {
	At time.Time `json:"at"`
	ID string    `json:"id"`
}

// row is a row of the trail as it is read, with the personal data beside it still
// encrypted.
type row struct {
	ID             string
	CreatedAt      time.Time
	Action         string
	ActorID        string
	OrganizationID string
	ResourceType   string
	ResourceID     string
	Success        bool
	ErrorType      string
	RequestID      string
	TraceID        string
	Metadata       string
	ClientSubject  string
	DetailSubject  string
	Mac            []byte
	Pending        []byte
	ClientContent  []byte
	ClientSecret   []byte
	ClientErased   bool
	DetailContent  []byte
	DetailSecret   []byte
	DetailErased   bool
}

// entry are the columns of a row of the trail.
const entry = `id, created_at, action, actor_id, organization_id, resource_type, resource_id, success, error_type,
	request_id, trace_id, metadata, client_subject, detail_subject, mac, pending`

// The statement of a page, around the one that chooses the rows. Whatever happens to a row
// meanwhile, sealing or forgetting, one statement sees it before or after.
const (
	pageHead = `SELECT e.*, pc.content AS client_content, sc.secret AS client_secret, xc.subject IS NOT NULL AS client_erased,
	pd.content AS detail_content, sd.secret AS detail_secret, xd.subject IS NOT NULL AS detail_erased
FROM (`
	pageTail = `) AS e
LEFT JOIN audit_personal AS pc ON pc.entry_id = e.id AND pc.part = 'client'
LEFT JOIN audit_subjects AS sc ON sc.subject = pc.subject
LEFT JOIN audit_personal AS pd ON pd.entry_id = e.id AND pd.part = 'detail'
LEFT JOIN audit_subjects AS sd ON sd.subject = pd.subject
LEFT JOIN audit_erasures AS xc ON xc.subject = e.client_subject AND xc.erased_at >= e.created_at
LEFT JOIN audit_erasures AS xd ON xd.subject = e.detail_subject AND xd.erased_at >= e.created_at
ORDER BY e.created_at DESC, e.id DESC`
	newestFirst = ` ORDER BY created_at DESC, id DESC LIMIT ?`
)

// statement is SQL made of constants, with its arguments beside it.
type statement struct {
	sql  strings.Builder
	args []any
}

func (q *statement) add(sql string, args ...any) {
	q.sql.WriteString(sql)
	q.args = append(q.args, args...)
}

// choose adds the statement that chooses up to limit rows where a condition holds.
func (q *statement) choose(f *Filter, after *position, limit int, where string, args ...any) {
	q.add(`SELECT `+entry+` FROM audit_entries WHERE `+where, args...)
	if f.Action != "" {
		q.add(` AND action = ?`, f.Action)
	}
	if f.ActorID != "" {
		q.add(` AND actor_id = ?`, f.ActorID)
	}
	if f.ResourceType != "" {
		q.add(` AND resource_type = ?`, f.ResourceType)
	}
	if f.ResourceID != "" {
		q.add(` AND resource_id = ?`, f.ResourceID)
	}
	if !f.Since.IsZero() {
		q.add(` AND created_at >= ?`, f.Since)
	}
	if !f.Until.IsZero() {
		q.add(` AND created_at <= ?`, f.Until)
	}
	// Not an argument, so that the index of the failures serves.
	switch {
	case f.Success == nil:
	case *f.Success:
		q.add(` AND success`)
	default:
		q.add(` AND NOT success`)
	}
	if after != nil {
		q.add(` AND (created_at, id) < (?, ?)`, after.At, after.ID)
	}
	q.add(newestFirst, limit)
}

// pageOf makes the statement of a page.
func pageOf(d database.Dialect, scope Scope, f *Filter, after *position, limit int) *statement {
	q := &statement{}
	q.add(pageHead)
	switch {
	case scope.Operator:
		q.choose(f, after, limit, `TRUE`)
	case scope.OrganizationID != "":
		where := `organization_id = ?`
		if d == database.SQLite && f.ResourceID != "" && f.ResourceType == "" {
			// SQLite would rather walk through the whole organization than sort the few rows of
			// one thing; the plus keeps it from that index.
			where = `+organization_id = ?`
		}
		q.choose(f, after, limit, where, scope.OrganizationID)
	default: // two indexes, each read from its end, rather than one condition that none serves
		q.add(`SELECT * FROM (SELECT * FROM (`)
		q.choose(f, after, limit, `actor_id = ?`, scope.UserID)
		q.add(`) AS acted UNION ALL SELECT * FROM (`)
		q.choose(f, after, limit, `resource_type = 'user' AND resource_id = ? AND (actor_id IS NULL OR actor_id <> ?)`, scope.UserID, scope.UserID)
		q.add(`) AS suffered) AS own`)
		q.add(newestFirst, limit)
	}
	q.add(pageTail)
	return q
}

// page returns up to limit rows after the position, newest first, in one statement.
func (s *store) page(ctx context.Context, scope Scope, f *Filter, after *position, limit int) ([]row, error) {
	q := pageOf(s.db.Dialect(), scope, f, after, limit)
	rows := make([]row, 0, limit)
	if err := s.db.Read().NewRaw(q.sql.String(), q.args...).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("audit: read rows: %w", err)
	}
	return rows, nil
}
