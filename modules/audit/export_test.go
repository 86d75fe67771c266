package audit

import (
	"context"
	"encoding/json"
	"io"
	"maps"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
)

// What the tests of this package see of its inside.

// MediaCSV and MediaJSONL are the streams.
const (
	MediaCSV   = mediaCSV
	MediaJSONL = mediaJSONL
)

// Position is where a page ended.
type Position = position

// Recorder is the subscription that records facts.
func (s *Service) Recorder() events.Subscription { return events.On("audit.record_fact", s.record) }

// Endpoints are the operations.
func (s *Service) Endpoints() []httpx.Endpoint { return handler{s}.endpoints() }

// Page reads a page.
func (s *Service) Page(ctx context.Context, scope Scope, f Filter, after *Position, limit int) ([]Row, *Position, error) {
	return s.page(ctx, scope, &f, after, limit)
}

// Stream writes every row.
func (s *Service) Stream(ctx context.Context, w io.Writer, media string, scope Scope, f Filter) error {
	return s.stream(ctx, w, media, scope, &f, nil)
}

// Export gives the section of an export.
func (s *Service) Export(ctx context.Context, userID string) (Export, error) {
	all, err := s.export(ctx, userID)
	if err != nil {
		return Export{}, err
	}
	return all.(Export), nil
}

// Parse reads filters.
func (q FilterQuery) Parse() (Filter, error) { return q.parse() }

// Words are the filters as they are kept.
func (f Filter) Words() map[string]string { return f.words() }

// SubjectsOf are the subjects of an address, the one of new rows first.
func (s *Service) SubjectsOf(email string) []string { return s.secrets.emailSubjects(email) }

// PageSQL is the statement of a page, with its arguments.
func PageSQL(d database.Dialect, scope Scope, f Filter, after *Position, limit int) (string, []any) {
	q := pageOf(d, scope, &f, after, limit)
	return q.sql.String(), q.args
}

// Authentic reports whether the row's code is that of the row.
func (s *Service) Authentic(ctx context.Context, id string) (bool, error) {
	var r row
	if err := s.db.Read().NewRaw(`SELECT `+entry+` FROM audit_entries WHERE id = ?`, id).Scan(ctx, &r); err != nil {
		return false, err
	}
	e := Entry{
		ID: r.ID, CreatedAt: r.CreatedAt, Action: r.Action, ActorID: r.ActorID, OrganizationID: r.OrganizationID,
		ResourceType: r.ResourceType, ResourceID: r.ResourceID, Success: r.Success, ErrorType: r.ErrorType, RequestID: r.RequestID,
		TraceID: r.TraceID, Metadata: r.Metadata, ClientSubject: r.ClientSubject, DetailSubject: r.DetailSubject,
	}
	return s.secrets.rowAuthentic(r.Mac, e.canonical()), nil
}

// SettleAll moves the personal data of every row to where it lies once the row is sealed.
func (s *Service) SettleAll(ctx context.Context) error {
	var rows []row
	if err := s.db.Read().NewRaw(`SELECT `+entry+` FROM audit_entries WHERE pending IS NOT NULL`).Scan(ctx, &rows); err != nil {
		return err
	}
	keys := map[string][]byte{}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range rows {
			p, err := s.secrets.openPending(r.ID, r.Mac, r.Pending)
			if err != nil {
				return err
			}
			for part, content := range parts(p) {
				subject := r.subject(part)
				if keys[subject] == nil {
					if keys[subject], err = s.secrets.newSubjectKey(); err != nil {
						return err
					}
					sealed, err := s.secrets.sealSubject(subject, keys[subject])
					if err != nil {
						return err
					}
					if _, err := tx.NewRaw(`INSERT INTO audit_subjects (subject, secret) VALUES (?, ?)`, subject, sealed).Exec(ctx); err != nil {
						return err
					}
				}
				sealed, err := s.secrets.sealPart(keys[subject], r.ID, part, content)
				if err != nil {
					return err
				}
				if _, err := tx.NewRaw(`INSERT INTO audit_personal (entry_id, part, subject, content) VALUES (?, ?, ?, ?)`, r.ID, part, subject, sealed).Exec(ctx); err != nil {
					return err
				}
			}
			if _, err := tx.NewRaw(`UPDATE audit_entries SET pending = NULL WHERE id = ?`, r.ID).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// parts are the parts that there are, in their canonical form.
func parts(p personal) map[string][]byte {
	all := map[string][]byte{}
	if p.Client != nil {
		all[partClient] = must(p.Client)
	}
	if p.Detail != nil {
		all[partDetail] = must(maps.Clone(p.Detail))
	}
	return all
}

func must(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
