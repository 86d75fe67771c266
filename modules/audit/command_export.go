package audit

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func exportCommand(l *Sealing) *cobra.Command {
	var flags filterFlags
	var signed bool
	var out string
	c := &cobra.Command{
		Use: "export", Short: "Take rows of the trail out", Args: cobra.NoArgs,
		Long: "Writes rows as lines of JSON, newest first, with the personal data beside them. With --signed it\n" +
			"writes an archive without personal data that can be verified on any machine: authy2 audit verify\n" +
			"--archive. Rows that are left out of an archive stay unseen; that none is left out which was asked\n" +
			"for is not proved.",
		Example: "  authy2 audit export --since 720h > trail.jsonl\n  authy2 audit export --signed --out trail.zip",
	}
	flags.add(c)
	flags.addMore(c)
	c.Flags().BoolVar(&signed, "signed", false, "write an archive that can be verified without the database")
	c.Flags().StringVar(&out, "out", "", "`file` to write to instead of standard output")
	c.RunE = func(c *cobra.Command, _ []string) error {
		scope, filter, err := flags.read(l)
		if err != nil {
			return err
		}
		if !signed {
			write := func(w io.Writer) error {
				if err := l.recordExport(c.Context(), scope.OrganizationID, "jsonl", filter.words()); err != nil {
					return err
				}
				return l.trail.stream(c.Context(), w, mediaJSONL, scope, &filter, nil)
			}
			if out == "" {
				return write(c.OutOrStdout())
			}
			return writeWhole(out, write)
		}
		if out == "" {
			return errors.New("say where to: --signed --out FILE")
		}
		for _, name := range []string{"action", "actor", "resource-type", "resource-id", "success"} {
			if c.Flags().Changed(name) {
				return fmt.Errorf("an archive is chosen by --since, --until and --organization, not by --%s", name)
			}
		}
		var rows int64
		err = writeWhole(out, func(w io.Writer) (err error) {
			rows, err = l.WriteArchive(c.Context(), w, ArchiveOptions{Since: filter.Since, Until: filter.Until, Organization: scope.OrganizationID})
			return err
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.ErrOrStderr(), "%s holds %d rows\n", out, rows)
		return err
	}
	return c
}
