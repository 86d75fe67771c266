package audit

import (
	"io"
	"time"

	"github.com/authy2/backend/platform/spreadsheet"
)

// header are the names of the columns.
func header() []string {
	return []string{
		"id", "created_at", "action", "success", "error_type", "actor_id", "actor_email", "actor_full_name", "organization_id",
		"resource_type", "resource_id", "ip_address", "user_agent", "request_id", "metadata",
	}
}

// csvWriter writes rows as CSV with a header.
type csvWriter struct{ out *spreadsheet.Writer }

func newCSV(w io.Writer) (csvWriter, error) {
	out, err := spreadsheet.NewWriter(w, header()...)
	return csvWriter{out}, err
}

func (c csvWriter) write(rows []Row) error {
	for i := range rows {
		cells, err := cellsOf(&rows[i])
		if err != nil {
			return err
		}
		if err := c.out.Write(cells...); err != nil {
			return err
		}
	}
	return nil
}

func (c csvWriter) flush() error { return c.out.Flush() }

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
	return []string{
		r.ID, r.CreatedAt.Format(time.RFC3339Nano), r.Action, boolText(r.Success), cell(r.ErrorType), cell(r.ActorID), email, name,
		cell(r.OrganizationID), cell(r.ResourceType), cell(r.ResourceID), cell(r.IPAddress), cell(r.UserAgent), cell(r.RequestID),
		metadata,
	}, nil
}

func cell(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
