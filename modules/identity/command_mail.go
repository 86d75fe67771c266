package identity

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (u usersCommand) verifyEmail() *cobra.Command {
	return &cobra.Command{
		Use: "verify-email <email or id>", Short: "Note that a user's address is theirs, without a mail",
		Example: "  authy2 users verify-email bob@acme-corp.com", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			one, err := u.admin.VerifyEmail(c.Context(), args[0])
			if err == nil {
				err = u.heard(c.Context())
			}
			if err != nil {
				return explain(err)
			}
			return printUser(c, one)
		},
	}
}

func (u usersCommand) sendReset() *cobra.Command {
	return &cobra.Command{
		Use: "send-reset <email or id>", Short: "Mail a user a link to choose a new password with",
		Long:    "The link works once, for thirty minutes. The password that the user has works until then.",
		Example: "  authy2 users send-reset bob@acme-corp.com", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := u.admin.SendReset(c.Context(), args[0]); err != nil {
				return explain(err)
			}
			_, err := fmt.Fprintln(c.ErrOrStderr(), "The mail is on its way.")
			return err
		},
	}
}
