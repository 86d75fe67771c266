package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/migrate"
)

func dbCommand(env *environment) *cobra.Command {
	c := group(&cobra.Command{
		Use: "db", Short: "Look after the database",
		Example: "  authy2 db upgrade\n  authy2 db status --json",
	})
	c.AddCommand(upgradeCommand(env), downgradeCommand(env), statusCommand(env), createCommand(env))
	return c
}

// migrating builds the system and hands fn its migrator.
func (e *environment) migrating(ctx context.Context, fn func(ctx context.Context, m *migrate.Migrator) error) error {
	s, err := e.build(use)
	if err != nil {
		return err
	}
	defer s.close()
	return s.Migrate(ctx, fn)
}

func upgradeCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "upgrade", Short: "Apply every outstanding migration of the modules that are on", Args: cobra.NoArgs,
		Example: "  authy2 db upgrade",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.migrating(cmd.Context(), func(ctx context.Context, m *migrate.Migrator) error {
				if err := m.Up(ctx, env.progress); err != nil {
					return err
				}
				env.progress("the database is up to date")
				return nil
			})
		},
	}
}

func downgradeCommand(env *environment) *cobra.Command {
	var line string
	var steps int
	c := &cobra.Command{
		Use: "downgrade", Short: "Take back the latest migrations of one module", Args: cobra.NoArgs,
		Long:    "Takes back the latest migrations of one line. What the tables held is lost with them.",
		Example: "  authy2 db downgrade --line sessions --steps 1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if line == "" || steps < 1 {
				return &usageError{fmt.Errorf("say which: --line <module> --steps <n>")}
			}
			return env.migrating(cmd.Context(), func(ctx context.Context, m *migrate.Migrator) error {
				before, err := applied(ctx, m, line)
				if err != nil {
					return err
				}
				if err := m.Down(ctx, line, steps); err != nil {
					return err
				}
				after, err := applied(ctx, m, line)
				if err != nil {
					return err
				}
				env.progress(fmt.Sprintf("took back %d of %s", before-after, line))
				return nil
			})
		},
	}
	c.Flags().StringVar(&line, "line", "", "`module` whose migrations are taken back, or platform")
	c.Flags().IntVar(&steps, "steps", 0, "how many")
	return c
}

// applied counts the migrations of a line that are done.
func applied(ctx context.Context, m *migrate.Migrator, line string) (n int, err error) {
	lines, err := m.Status(ctx)
	for _, l := range lines {
		if l.Line == line {
			n = len(l.Applied) + len(l.Newer)
		}
	}
	return n, err
}

func statusCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show which migrations are applied", Args: cobra.NoArgs,
		Example: "  authy2 db status\n  authy2 db status --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.migrating(cmd.Context(), func(ctx context.Context, m *migrate.Migrator) error {
				lines, err := m.Status(ctx)
				if err != nil {
					return err
				}
				if env.asJSON {
					return printJSON(env, lines)
				}
				return printStatus(env, lines)
			})
		},
	}
}

func printStatus(env *environment, lines []migrate.Status) error {
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LINE\tMIGRATION\tSTATE")
	for _, l := range lines {
		for _, a := range l.Applied {
			fmt.Fprintf(w, "%s\t%s\tapplied %s\n", l.Line, a.Step, a.At.UTC().Format(time.RFC3339))
		}
		for _, p := range l.Pending {
			fmt.Fprintf(w, "%s\t%s\tpending\n", l.Line, p)
		}
		for _, n := range l.Newer {
			fmt.Fprintf(w, "%s\t%s\tapplied by a newer release\n", l.Line, n.Step)
		}
	}
	return w.Flush()
}

func createCommand(env *environment) *cobra.Command {
	dir := "migrations"
	c := &cobra.Command{
		Use: "create LINE NAME", Short: "Write an empty pair of migration files", Args: cobra.ExactArgs(2),
		Example: "  authy2 db create sessions add_device_name",
		RunE: func(_ *cobra.Command, args []string) error {
			paths, err := migrate.Create(dir, args[0], args[1], clock.System{}.Now())
			if err != nil {
				return err
			}
			for _, p := range paths {
				fmt.Fprintln(env.stdout, p)
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", dir, "`folder` that holds one folder per line")
	return c
}
