package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/config"
)

func configCommand(env *environment) *cobra.Command {
	c := group(&cobra.Command{
		Use: "config", Short: "Check and show the configuration",
		Example: "  authy2 config check\n  authy2 config table",
	})
	c.AddCommand(configCheckCommand(env), configTableCommand(env))
	return c
}

func configCheckCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Read the configuration and show every setting in force, secrets hidden", Args: cobra.NoArgs,
		Example: "  authy2 config check\n  authy2 config check --config production.yaml --json",
		RunE: func(*cobra.Command, []string) error {
			s, err := env.build(look)
			if err != nil {
				return err
			}
			defer s.close()
			loaded := s.Config()
			if env.asJSON {
				return printJSON(env, map[string]any{
					"profile": loaded.Profile, "modules": s.Plan().Names(),
					"settings": loaded.Settings(), "warnings": append([]string{}, loaded.Warnings...),
				})
			}
			fmt.Fprint(env.stdout, loaded.Dump())
			for _, w := range loaded.Warnings {
				fmt.Fprintln(env.stdout, "warning: "+w)
			}
			fmt.Fprintf(env.stdout, "the configuration is right: profile %s, modules %s\n", loaded.Profile, strings.Join(s.Plan().Names(), ", "))
			return nil
		},
	}
}

func configTableCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "table", Short: "Print every setting there is as a Markdown table", Args: cobra.NoArgs,
		Example: "  authy2 config table",
		RunE: func(*cobra.Command, []string) error {
			loaded, _, err := env.load()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(env.stdout, configTable(loaded))
			return err
		},
	}
}

// configTable is the table of settings as the README shows it.
func configTable(loaded *config.Loaded) string {
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
	code := func(s string) string {
		if s == "" {
			return "–"
		}
		return "`" + s + "`"
	}
	var b strings.Builder
	b.WriteString("| Environment | YAML | Default | |\n|---|---|---|---|\n")
	for _, r := range loaded.Table() {
		doc := r.Doc
		if r.Secret {
			doc += " Secret: also read from the file named by `" + r.Env[len(r.Env)-1] + "`."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Env[0], code(r.Key), cell(code(r.Default)), cell(doc))
	}
	return b.String()
}
