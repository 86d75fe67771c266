package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/mail"
)

// mailPage is how many mails one statement of a list reads.
const mailPage = 500

func mailCommand(env *environment) *cobra.Command {
	c := group(&cobra.Command{
		Use: "mail", Short: "See which mails wait or were given up, and try those again",
		Long: "Mails wait in the database until the mail server takes them. What it refuses for good\n" +
			"is given up, and kept for a week. Nobody's address and no text is shown.",
		Example: "  authy2 mail list\n  authy2 mail retry --all",
	})
	c.AddCommand(mailListCommand(env), mailShowCommand(env), mailRetryCommand(env))
	return c
}

// listedMail is a mail as authy2 mail list --json shows it.
type listedMail struct {
	ID        string    `json:"id"`
	Purpose   string    `json:"purpose"`
	MessageID string    `json:"message_id"`
	State     string    `json:"state"`
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason"`
	Accepted  time.Time `json:"accepted_at"`
	// At is when a waiting mail is due, and when another was sent or given up.
	At time.Time `json:"at"`
}

func listed(i mail.Item) listedMail {
	return listedMail{
		ID: i.ID, Purpose: i.Purpose, MessageID: i.MessageID, State: string(i.State), Attempts: i.Attempts, Reason: i.Reason,
		Accepted: i.Accepted, At: i.At,
	}
}

func mailListCommand(env *environment) *cobra.Command {
	var state string
	c := &cobra.Command{
		Use: "list", Short: "List the mails that wait and those that were given up, oldest first", Args: cobra.NoArgs,
		Example: "  authy2 mail list --state dead --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, ok := map[string][]mail.State{
				"": {mail.Waiting, mail.Dead}, "waiting": {mail.Waiting}, "dead": {mail.Dead}, "sent": {mail.Sent},
			}[state]
			if !ok {
				return &usageError{fmt.Errorf("--state is waiting, dead or sent, not %q", state)}
			}
			return env.with(cmd.Context(), func(ctx context.Context, s *system) error {
				all := make([]listedMail, 0)
				for _, one := range states {
					if err := everyMail(ctx, s.Mail(), one, func(i mail.Item) { all = append(all, listed(i)) }); err != nil {
						return err
					}
				}
				if env.asJSON {
					return printJSON(env, all)
				}
				w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tPURPOSE\tSTATE\tATTEMPTS\tACCEPTED\tREASON")
				for _, m := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", m.ID, m.Purpose, m.State, m.Attempts, m.Accepted.Format(time.RFC3339), m.Reason)
				}
				return w.Flush()
			})
		},
	}
	c.Flags().StringVar(&state, "state", "", "`state` of the mails: waiting, dead or sent (the last week's)")
	return c
}

// everyMail calls fn for each mail of the state.
func everyMail(ctx context.Context, q *mail.Queue, state mail.State, fn func(mail.Item)) error {
	after := ""
	for {
		page, err := q.List(ctx, state, after, mailPage)
		if err != nil {
			return err
		}
		for _, i := range page {
			fn(i)
			after = i.ID
		}
		if len(page) < mailPage {
			return nil
		}
	}
}

func mailShowCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "show <id>", Short: "Show what became of one mail", Args: cobra.ExactArgs(1),
		Example: "  authy2 mail show 0199e6ad-3c5b-7d10-9a6e-5f0c2b8d4e71",
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.with(cmd.Context(), func(ctx context.Context, s *system) error {
				i, err := s.Mail().Item(ctx, args[0])
				if err != nil {
					return err
				}
				if env.asJSON {
					return printJSON(env, listed(i))
				}
				at := map[mail.State]string{mail.Waiting: "due", mail.Sent: "sent", mail.Dead: "given up"}[i.State]
				w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
				for _, row := range [][2]string{
					{"id", i.ID},
					{"purpose", i.Purpose},
					{"message id", i.MessageID},
					{"state", string(i.State)},
					{"attempts", fmt.Sprint(i.Attempts)},
					{"reason", i.Reason},
					{"accepted", i.Accepted.Format(time.RFC3339)},
					{at, i.At.Format(time.RFC3339)},
				} {
					fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
				}
				return w.Flush()
			})
		},
	}
}

func mailRetryCommand(env *environment) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "retry [<id>…]", Short: "Have mails delivered after all that were given up", Args: cobra.ArbitraryArgs,
		Long: "Puts mails that were given up back among those that wait. A running server, or\n" +
			"authy2 jobs run deliver_mails, delivers them within seconds.",
		Example: "  authy2 mail retry 0199e6ad-3c5b-7d10-9a6e-5f0c2b8d4e71\n  authy2 mail retry --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return &usageError{errors.New("say which: authy2 mail retry <id>…, or --all")}
			}
			return env.with(cmd.Context(), func(ctx context.Context, s *system) error {
				retried, err := int64(len(args)), error(nil)
				if all {
					retried, err = s.Mail().RetryAll(ctx)
				} else {
					err = s.Mail().Retry(ctx, args...)
				}
				if err != nil {
					return err
				}
				if env.asJSON {
					return printJSON(env, map[string]int64{"retried": retried})
				}
				_, err = fmt.Fprintf(env.stdout, "%d mail(s) wait again\n", retried)
				return err
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every mail that was given up")
	return c
}
