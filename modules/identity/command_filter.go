package identity

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/modules/identity/breached"
	"github.com/authy2/backend/platform/crypto"
)

// passwordsCommand is authy2 passwords.
func passwordsCommand() *cobra.Command {
	c := &cobra.Command{Use: "passwords", Short: "Prepare the list of refused passwords"}
	c.AddCommand(&cobra.Command{
		Use:   "build-filter <list> <filter>",
		Short: "Turn a list of breached passwords into a filter for BREACHED_PASSWORDS_FILE",
		Long: "Reads a list of passwords, one a line, and writes a filter of their hashes. Point\n" +
			"BREACHED_PASSWORDS_FILE at it; it is asked beside the built-in list. Use - for standard input.",
		Example: "  authy2 passwords build-filter rockyou.txt breached.filter\n" +
			"  zcat big.txt.gz | authy2 passwords build-filter - breached.filter",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := buildFilter(c.InOrStdin(), args[0], args[1], func(lines int) {
				fmt.Fprintf(c.ErrOrStderr(), "%d lines read\n", lines)
			})
			if err == nil {
				fmt.Fprintf(c.OutOrStdout(), "%s holds %d passwords\n", args[1], n)
			}
			return err
		},
	})
	return c
}

// buildFilter writes the filter beside its place and moves it there when it is whole, so
// that a server never opens half of one.
func buildFilter(stdin io.Reader, from, to string, progress func(int)) (n int, err error) {
	list := stdin
	if from != "-" {
		f, err := os.Open(from) //nolint:gosec // the operator names it
		if err != nil {
			return 0, fmt.Errorf("identity: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		list = f
	}
	out, err := os.CreateTemp(filepath.Dir(to), ".filter-*")
	if err != nil {
		return 0, fmt.Errorf("identity: %w", err)
	}
	defer os.Remove(out.Name()) //nolint:errcheck // it is gone once it was moved
	n, err = breached.Build(list, out, crypto.Normalize, progress)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(out.Name(), 0o644) //nolint:gosec // a list of hashes everybody may read
	}
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	return n, err
}
