package contact

import (
	"bufio"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/spreadsheet"
)

// The forms in which enquiries are taken out.
const (
	formatCSV   = "csv"
	formatJSONL = "jsonl"
)

func (o contactCommand) export() *cobra.Command {
	c := &cobra.Command{
		Use: "export", Short: "Write whole enquiries as CSV or JSON lines, the newest first", Args: cobra.NoArgs,
		Long: "Writes whole enquiries to standard output, as CSV that is safe to open in a spreadsheet, or\n" +
			"as one JSON object a line. An export is recorded in the audit trail.",
		Example: "  authy2 contact export --since 2026-11-01 > enquiries.csv\n  authy2 contact export --format jsonl --type sales_enquiry",
	}
	format := c.Flags().String("format", formatCSV, "`form` of the output: csv or jsonl; --json is the latter")
	filter := filterFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := filter()
		if err != nil {
			return err
		}
		chosen := *format
		if asJSON(c) && !c.Flags().Changed("format") {
			chosen = formatJSONL
		}
		write, ok := writers()[chosen]
		if !ok {
			return errors.New("--format is csv or jsonl")
		}
		if err := o.service.recordExport(c.Context(), chosen, f); err != nil {
			return err
		}
		return write(c.OutOrStdout(), func(fn func(Enquiry) error) error { return o.service.Each(c.Context(), f, fn) })
	}
	return c
}

// writers write every enquiry that each calls them with.
func writers() map[string]func(w io.Writer, each func(fn func(Enquiry) error) error) error {
	return map[string]func(io.Writer, func(func(Enquiry) error) error) error{formatCSV: writeCSV, formatJSONL: writeJSONL}
}

func writeCSV(w io.Writer, each func(fn func(Enquiry) error) error) error {
	out, err := spreadsheet.NewWriter(w, "id", "created_at", "enquiry_type", "name", "email", "company", "phone", "message")
	if err != nil {
		return err
	}
	err = each(func(e Enquiry) error {
		return out.Write(e.ID, e.CreatedAt.Format(time.RFC3339Nano), string(e.Type), e.Name, e.Email, text(e.Company), text(e.Phone), e.Message)
	})
	return errors.Join(err, out.Flush())
}

func writeJSONL(w io.Writer, each func(fn func(Enquiry) error) error) error {
	buffered := bufio.NewWriterSize(w, 32<<10)
	lines := encoder(buffered)
	err := each(func(e Enquiry) error { return lines.Encode(e) })
	return errors.Join(err, buffered.Flush())
}

// text is a text that need not be there.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
