package harness

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// AuditRow is a row of the trail as the database keeps it.
type AuditRow struct {
	ID, Action, ActorID, OrganizationID, ResourceType, ResourceID string
	ErrorType, RequestID, Metadata                                string
	Success                                                       bool
}

// AuditRows reads the trail behind the system's back; where is SQL.
func (sys *System) AuditRows(t testing.TB, where string) []AuditRow {
	t.Helper()
	rows := sys.Query(t, `SELECT id, action, actor_id, organization_id, resource_type, resource_id, error_type, request_id, metadata, success
		FROM audit_entries WHERE `+where+` ORDER BY created_at, id`)
	out := make([]AuditRow, len(rows))
	for i, r := range rows {
		out[i] = AuditRow{
			ID: r[0], Action: r[1], ActorID: r[2], OrganizationID: r[3], ResourceType: r[4], ResourceID: r[5],
			ErrorType: r[6], RequestID: r[7], Metadata: r[8], Success: r[9] == "true" || r[9] == "1",
		}
	}
	return out
}

// AuditOf is the rows that a request left.
func (sys *System) AuditOf(t testing.TB, a *Answer) []AuditRow {
	t.Helper()
	return sys.AuditRows(t, "request_id = '"+strings.ReplaceAll(a.Header.Get("X-Request-Id"), "'", "")+"'")
}

// Trail reads a listing of the trail to its end.
func (s *Server) Trail(t testing.TB, token, path string) []map[string]any {
	t.Helper()
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	var all []map[string]any
	for next := path + mark + "limit=100"; next != ""; {
		a := s.Do(t, Call{Path: next, Token: token}).Want(t, http.StatusOK)
		rows := a.List(t, "data", "audit_logs")
		if a.Value("data", "count") != float64(len(rows)) {
			t.Errorf("%s: count is %v of %d rows", next, a.Value("data", "count"), len(rows))
		}
		all = append(all, rows...)
		if next = a.Text("meta", "next_cursor"); next != "" {
			next = path + mark + "limit=100&cursor=" + url.QueryEscape(next)
		}
		if len(all) > 100_000 {
			t.Fatalf("%s does not end", path)
		}
	}
	return all
}
