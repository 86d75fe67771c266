package identity

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/secret"
)

// listPage is how many users one statement of a list reads.
const listPage = 500

// commands are what this module adds to the command line.
func commands(a *Admin, tokens *crypto.Tokens) []kernel.Command {
	u := usersCommand{a, tokens}
	c := &cobra.Command{Use: "users", Short: "Look at and change user accounts"}
	c.AddCommand(u.list(), u.show(), u.create(), u.setPassword(), u.delete(), u.verifyEmail(), u.sendReset(),
		u.status("suspend", "Suspend an account; its sessions end at once", StatusSuspended),
		u.status("activate", "Let a suspended or inactive account sign in again", StatusActive),
	)
	return []kernel.Command{c, passwordsCommand()}
}

type usersCommand struct {
	admin  *Admin
	tokens *crypto.Tokens
}

func (u usersCommand) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all users, oldest first", Example: "  authy2 users list --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			after := ""
			for {
				users, err := u.admin.List(c.Context(), after, listPage)
				if err != nil {
					return err
				}
				for _, one := range users {
					if err := printUser(c, one); err != nil {
						return err
					}
				}
				if len(users) < listPage {
					return nil
				}
				after = users[len(users)-1].ID
			}
		},
	}
}

func (u usersCommand) show() *cobra.Command {
	return &cobra.Command{
		Use: "show <email or id>", Short: "Show a user", Example: "  authy2 users show bob@acme-corp.com", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			one, err := u.admin.Find(c.Context(), args[0])
			if err != nil {
				return explain(err)
			}
			return printUser(c, one)
		},
	}
}

func (u usersCommand) create() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "create <email>", Short: "Create an active user",
		Long:    "Creates an active user. The password is read from standard input with --password-stdin;\notherwise one is made up and printed.",
		Example: "  authy2 users create ann@example.com --name 'Ann Example'\n  echo \"$PASSWORD\" | authy2 users create ann@example.com --password-stdin",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&name, "name", "", "full `name`")
	c.Flags().Bool("password-stdin", false, "read the password from standard input")
	c.RunE = func(c *cobra.Command, args []string) error {
		password, made, err := u.password(c)
		if err != nil {
			return err
		}
		one, err := u.admin.Create(c.Context(), args[0], name, password)
		if err != nil {
			return explain(err)
		}
		if err := printUser(c, one); err != nil || !made {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "password: %s\n", password.Reveal())
		return nil
	}
	return c
}

func (u usersCommand) setPassword() *cobra.Command {
	c := &cobra.Command{
		Use: "set-password <email or id>", Short: "Replace a user's password and end all of their sessions",
		Long:    "The password is read from standard input with --password-stdin; otherwise one is made up\nand printed.",
		Example: "  authy2 users set-password bob@acme-corp.com", Args: cobra.ExactArgs(1),
	}
	c.Flags().Bool("password-stdin", false, "read the password from standard input")
	c.RunE = func(c *cobra.Command, args []string) error {
		password, made, err := u.password(c)
		if err != nil {
			return err
		}
		if err := u.admin.SetPassword(c.Context(), args[0], password); err != nil {
			return explain(err)
		}
		if made {
			fmt.Fprintf(c.ErrOrStderr(), "password: %s\n", password.Reveal())
		}
		return u.heard(c.Context())
	}
	return c
}

func (u usersCommand) delete() *cobra.Command {
	return &cobra.Command{
		Use: "delete <email or id>", Short: "Delete an account and everything that belongs to it",
		Example: "  authy2 users delete bob@acme-corp.com", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := u.admin.Delete(c.Context(), args[0]); err != nil {
				return explain(err)
			}
			return u.heard(c.Context())
		},
	}
}

func (u usersCommand) status(use, short string, status Status) *cobra.Command {
	return &cobra.Command{
		Use: use + " <email or id>", Short: short, Example: "  authy2 users " + use + " bob@acme-corp.com", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			one, err := u.admin.SetStatus(c.Context(), args[0], status)
			if err == nil && status != StatusActive {
				err = u.heard(c.Context())
			}
			if err != nil {
				return explain(err)
			}
			return printUser(c, one)
		},
	}
}

// heard waits until a server that runs beside the command has heard of a change. On
// PostgreSQL it has: it reads rows, or the tombstones of the cache that all share. On
// SQLite it remembers sessions by itself until it reads of the change.
func (u usersCommand) heard(ctx context.Context) error {
	if u.admin.service.db.Dialect() != database.SQLite {
		return nil
	}
	return u.admin.service.invalidation.WaitSeen(ctx)
}

// password reads the password that the operator gives, or makes one up.
func (u usersCommand) password(c *cobra.Command) (password secret.String, made bool, err error) {
	if given, _ := c.Flags().GetBool("password-stdin"); !given {
		return u.tokens.New(), true, nil
	}
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return secret.String{}, false, fmt.Errorf("read the password: %w", err)
	}
	return secret.New(strings.TrimRight(line, "\r\n")), false, nil
}

// printUser writes a user as a line, or as a line of JSON with --json.
func printUser(c *cobra.Command, u User) error {
	if asJSON, _ := c.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(u)
	}
	name := ""
	if u.FullName != nil {
		name = *u.FullName
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\t%s\n", u.ID, u.Email, u.Status, name)
	return err
}

// explain turns an error for clients into one for a terminal: with what else a client would
// be told, in the order of the names.
func explain(err error) error {
	var public *apperr.Error
	if !errors.As(err, &public) || len(public.Details()) == 0 {
		return err
	}
	var says []string
	if public.Code() != apperr.CodeValidation {
		says = append(says, public.Message())
	}
	for _, name := range slices.Sorted(maps.Keys(public.Details())) {
		says = append(says, fmt.Sprintf("%s: %v", name, public.Details()[name]))
	}
	return errors.New(strings.Join(says, "; "))
}
