package audit

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/kernel"
)

// commands are what this module adds to the command line.
func commands(l *Sealing) []kernel.Command {
	c := &cobra.Command{Use: "audit", Short: "Read, verify and take out the audit trail"}
	c.AddCommand(verifyCommand(l), exportCommand(l), listCommand(l), keysCommand(l), rotateKeyCommand(l))
	return []kernel.Command{c}
}

func asJSON(c *cobra.Command) bool {
	yes, err := c.Flags().GetBool("json")
	return err == nil && yes
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// momentFlag reads a time (RFC 3339) or how long ago it was.
func momentFlag(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago).UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-01-31T00:00:00Z nor a duration such as 24h", text)
	}
	return at.UTC(), nil
}

func rotateKeyCommand(l *Sealing) *cobra.Command {
	return &cobra.Command{
		Use: "rotate-key", Short: "Make a new key that seals are signed with from now on", Args: cobra.NoArgs,
		Long:    "Makes a new Ed25519 key. Older ones stay, to verify what they have signed.",
		Example: "  authy2 audit rotate-key",
		RunE: func(c *cobra.Command, _ []string) error {
			id, err := l.RotateKey(c.Context())
			if err != nil {
				return err
			}
			if asJSON(c) {
				return printJSON(c.OutOrStdout(), map[string]string{"key_id": id})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "seals are signed with key %s from now on\n", id)
			return err
		},
	}
}

// shownKey is a key as authy2 audit keys shows it.
type shownKey struct {
	ID        string    `json:"id"`
	PublicKey string    `json:"public_key"`
	CreatedAt time.Time `json:"created_at"`
}

func keysCommand(l *Sealing) *cobra.Command {
	return &cobra.Command{
		Use: "keys", Short: "Show the public keys that seals are signed with, newest first", Args: cobra.NoArgs,
		Long:    "Keep the public keys elsewhere: with one of them an archive is verified on any machine.",
		Example: "  authy2 audit keys --json",
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := l.keys.list(c.Context(), l.db.Read())
			if err != nil {
				return err
			}
			shown := make([]shownKey, len(rows))
			for i, r := range rows {
				shown[i] = shownKey{ID: r.ID, PublicKey: hex.EncodeToString(r.PublicKey), CreatedAt: r.CreatedAt.UTC()}
			}
			if asJSON(c) {
				return printJSON(c.OutOrStdout(), shown)
			}
			for _, k := range shown {
				if _, err := fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\n", k.ID, k.PublicKey, k.CreatedAt.Format(time.RFC3339)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// filterFlags are the flags that choose rows.
type filterFlags struct {
	query        FilterQuery
	organization string
}

func (f *filterFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.organization, "organization", "", "rows of the organization with this `id`")
	c.Flags().StringVar(&f.query.Since, "since", "", "rows from this `time` on (RFC 3339), or from as long ago as this duration")
	c.Flags().StringVar(&f.query.Until, "until", "", "rows up to and including this `time`")
}

func (f *filterFlags) addMore(c *cobra.Command) {
	c.Flags().StringVar(&f.query.Action, "action", "", "rows of this `action`")
	c.Flags().StringVar(&f.query.ActorID, "actor", "", "rows of acts by the user with this `id`")
	c.Flags().StringVar(&f.query.ResourceType, "resource-type", "", "rows of acts on this `type` of thing")
	c.Flags().StringVar(&f.query.ResourceID, "resource-id", "", "rows of acts on the thing with this `id`")
	c.Flags().StringVar(&f.query.Success, "success", "", "rows of acts that succeeded (`true`) or did not (false)")
}

// read returns whose rows are wanted, and which.
func (f *filterFlags) read(l *Sealing) (Scope, Filter, error) {
	q := f.query
	for _, text := range []*string{&q.Since, &q.Until} {
		at, err := momentFlag(*text, l.now())
		if err != nil {
			return Scope{}, Filter{}, err
		}
		if *text != "" {
			*text = at.Format(time.RFC3339Nano)
		}
	}
	filter, err := q.parse()
	if err != nil {
		return Scope{}, Filter{}, fmt.Errorf("the filters are not right: %w", err)
	}
	if f.organization != "" {
		return Scope{OrganizationID: f.organization}, filter, nil
	}
	return Scope{Operator: true}, filter, nil
}

func listCommand(l *Sealing) *cobra.Command {
	var flags filterFlags
	limit := 50
	c := &cobra.Command{
		Use: "list", Short: "Show rows of the trail, newest first", Args: cobra.NoArgs,
		Example: "  authy2 audit list --action user.login --success false --since 24h",
	}
	flags.add(c)
	flags.addMore(c)
	c.Flags().IntVar(&limit, "limit", limit, "how many")
	c.RunE = func(c *cobra.Command, _ []string) error {
		scope, filter, err := flags.read(l)
		if err != nil {
			return err
		}
		if limit < 1 || limit > 10_000 {
			return errors.New("--limit is 1 to 10000; authy2 audit export gives all")
		}
		rows, _, err := l.trail.page(c.Context(), scope, &filter, nil, limit)
		if err != nil {
			return err
		}
		if asJSON(c) {
			return printJSON(c.OutOrStdout(), rows)
		}
		for i := range rows {
			if err := printRow(c.OutOrStdout(), &rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func printRow(w io.Writer, r *Row) error {
	or := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	result := "ok"
	if !r.Success {
		result = or(r.ErrorType)
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s %s\t%s\t%s\n", r.CreatedAt.UTC().Format(time.RFC3339), r.ID, r.Action, or(r.ActorID),
		or(r.ResourceType), or(r.ResourceID), result, or(r.IPAddress))
	return err
}
