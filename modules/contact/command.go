package contact

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/kernel"
)

// commands are what this module adds to the command line.
func (s *Service) commands() []kernel.Command {
	c := &cobra.Command{Use: Name, Short: "Look at enquiries and take them out"}
	o := contactCommand{s}
	c.AddCommand(o.list(), o.show(), o.export())
	return []kernel.Command{c}
}

type contactCommand struct{ service *Service }

func (o contactCommand) list() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List enquiries, the newest first", Args: cobra.NoArgs,
		Example: "  authy2 contact list --since 2026-11-01 --type support",
	}
	filter := filterFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := filter()
		if err != nil {
			return err
		}
		return o.service.Each(c.Context(), f, func(e Enquiry) error {
			if asJSON(c) {
				return encoder(c.OutOrStdout()).Encode(e)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\t%s\t%s\n", e.ID, e.CreatedAt.Format(time.RFC3339), e.Type, e.Email, e.Name)
			return err
		})
	}
	return c
}

func (o contactCommand) show() *cobra.Command {
	return &cobra.Command{
		Use: "show <id>", Short: "Show an enquiry", Example: "  authy2 contact show 0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := o.service.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON(c) {
				return encoder(c.OutOrStdout()).Encode(e)
			}
			return printWhole(c.OutOrStdout(), e)
		},
	}
}

// printWhole writes an enquiry for people. Nothing in it can steer a terminal: the body
// was refused had it held such a character.
func printWhole(w io.Writer, e Enquiry) error {
	var b strings.Builder
	for _, row := range []struct {
		name  string
		value *string
	}{{"name", &e.Name}, {"email", &e.Email}, {"company", e.Company}, {"phone", e.Phone}} {
		if row.value != nil {
			fmt.Fprintf(&b, "%-9s %s\n", row.name+":", *row.value)
		}
	}
	_, err := fmt.Fprintf(w, "id:       %s\nreceived: %s\ntype:     %s\n%s\n%s\n",
		e.ID, e.CreatedAt.Format(time.RFC3339), e.Type, b.String(), strings.TrimRight(e.Message, "\n"))
	return err
}

// filterFlags gives the command the flags that choose enquiries, and returns what they say.
func filterFlags(c *cobra.Command) func() (Filter, error) {
	since := c.Flags().String("since", "", "only enquiries from this `time` on: 2026-11-24, or 2026-11-24T09:00:00Z")
	kind := c.Flags().String("type", "", "only enquiries of this `type`: "+typeNames())
	return func() (f Filter, err error) {
		if f.Type = Type(*kind); f.Type != "" && !slices.Contains(types(), f.Type) {
			return f, errors.New("--type is one of " + typeNames())
		}
		if *since != "" {
			f.Since, err = parseTime(*since)
		}
		return f, err
	}
}

// parseTime reads a time, or a day, which begins at midnight UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("--since is a day such as 2026-11-24, or a time such as 2026-11-24T09:00:00Z")
}

func typeNames() string {
	var names []string
	for _, t := range types() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// asJSON reports whether the operator wants JSON.
func asJSON(c *cobra.Command) bool {
	given, _ := c.Flags().GetBool("json")
	return given
}

// encoder writes JSON in which < and & are themselves: it is in no page of HTML.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
