package sessions

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/kernel"
)

// commands are what this module adds to the command line.
func commands(s *Service) []kernel.Command {
	return []kernel.Command{afterRestore(s)}
}

// afterRestore is authy2 db after-restore.
func afterRestore(s *Service) *cobra.Command {
	return &cobra.Command{
		Use: "after-restore", Short: "End every session after a backup was restored", Args: cobra.NoArgs,
		Long: "A backup holds sessions that were revoked after it was made, and they are alive again once it\n" +
			"is restored; so are one-time tokens that were used since. This ends every session and every such\n" +
			"token, and makes everything that a cache remembers unreachable.\n" +
			"Run it after each restore; running it again does no harm.",
		Example:     "  authy2 db after-restore",
		Annotations: map[string]string{"parent": "db"},
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := s.AfterRestore(c.Context(), func(revoked int64) {
				_, _ = fmt.Fprintf(c.ErrOrStderr(), "sessions ended so far: %d\n", revoked)
			})
			if err != nil {
				return err
			}
			if asJSON, err := c.Flags().GetBool("json"); err == nil && asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]int64{"revoked": n})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Sessions ended: %d. Everybody signs in anew.\n", n)
			return err
		},
	}
}
