package tenancy

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/kernel"
)

// listPage is how many rows one statement of a list reads.
const listPage = 500

// commands are what this module adds to the command line.
func commands(a *Operator) []kernel.Command {
	c := &cobra.Command{Use: "orgs", Short: "Look at organizations and their members"}
	o := orgsCommand{a}
	c.AddCommand(o.list(), o.show(), o.members())
	return []kernel.Command{c}
}

type orgsCommand struct{ operator *Operator }

func (o orgsCommand) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all organizations, the oldest first", Example: "  authy2 orgs list --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			after := ""
			for {
				list, err := o.operator.List(c.Context(), after, listPage)
				if err != nil {
					return err
				}
				for _, one := range list {
					if err := printOverview(c, one); err != nil {
						return err
					}
				}
				if len(list) < listPage {
					return nil
				}
				after = list[len(list)-1].ID
			}
		},
	}
}

func (o orgsCommand) show() *cobra.Command {
	return &cobra.Command{
		Use: "show <slug or id>", Short: "Show an organization", Example: "  authy2 orgs show acme-corp", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			one, err := o.operator.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			return printOverview(c, one)
		},
	}
}

func (o orgsCommand) members() *cobra.Command {
	return &cobra.Command{
		Use: "members <slug or id>", Short: "List the members of an organization, the longest-serving first",
		Example: "  authy2 orgs members acme-corp", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			one, err := o.operator.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			after := ""
			for {
				list, next, err := o.operator.Members(c.Context(), one.ID, after, listPage)
				if err != nil {
					return err
				}
				for _, m := range list {
					if err := printMember(c, m); err != nil {
						return err
					}
				}
				if after = next; next == "" {
					return nil
				}
			}
		},
	}
}

// printOverview writes an organization as a line, or as a line of JSON with --json.
func printOverview(c *cobra.Command, o Overview) error {
	if asJSON, _ := c.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(o)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%d\t%s\n", o.ID, o.Slug, o.MemberCount, o.Name)
	return err
}

// printMember writes a member as a line, or as a line of JSON with --json.
func printMember(c *cobra.Command, m Member) error {
	if asJSON, _ := c.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(m)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\t%s\n", m.UserID, m.User.Email, m.Role, m.User.Status)
	return err
}
