package audit

import (
	"encoding/csv"
	"io"
	"strings"
	"time"
)

// header are the names of the columns.
func header() []string {
	return []string{
		"id", "created_at", "action", "success", "error_type", "actor_id", "actor_email", "actor_full_name", "organization_id",
		"resource_type", "resource_id", "ip_address", "user_agent", "request_id", "metadata",
	}
}

// csvWriter writes rows as CSV with a header and CRLF (RFC 4180).
type csvWriter struct{ out *csv.Writer }

func newCSV(w io.Writer) (csvWriter, error) {
	c := csvWriter{csv.NewWriter(w)}
	c.out.UseCRLF = true
	return c, c.out.Write(header())
}

func (c csvWriter) write(rows []Row) error {
	for i := range rows {
		cells, err := cellsOf(&rows[i])
		if err != nil {
			return err
		}
		if err := c.out.Write(cells); err != nil {
			return err
		}
	}
	return nil
}

func (c csvWriter) flush() error {
	c.out.Flush()
	return c.out.Error()
}

// cellsOf are the cells of a row, in the order of the header.
func cellsOf(r *Row) ([]string, error) {
	metadata, err := jsonOf(r.Metadata)
	if err != nil {
		return nil, err
	}
	var email, name string
	if r.Actor != nil {
		email, name = r.Actor.Email, cell(r.Actor.FullName)
	}
	cells := []string{
		r.ID, r.CreatedAt.Format(time.RFC3339Nano), r.Action, boolText(r.Success), cell(r.ErrorType), cell(r.ActorID), email, name,
		cell(r.OrganizationID), cell(r.ResourceType), cell(r.ResourceID), cell(r.IPAddress), cell(r.UserAgent), cell(r.RequestID),
		metadata,
	}
	for i := range cells {
		cells[i] = defuse(cells[i])
	}
	return cells, nil
}

func cell(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// formula starts what a spreadsheet would compute instead of show, in the full-width
// forms that some take for the same.
const formula = "=+-@\t\r\n＝＋－＠"

// defuse keeps a spreadsheet from taking a cell for a formula: an apostrophe before it
// makes it text. What stands before the formula may be blank and is skipped over by some.
func defuse(s string) string {
	rest := strings.TrimLeft(s, " \u00a0\u3000\ufeff\u200b")
	if rest != "" && strings.ContainsRune(formula, []rune(rest[:min(len(rest), 4)])[0]) {
		return "'" + s
	}
	return s
}
