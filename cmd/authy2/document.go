package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func openapiCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "openapi", Short: "Print the OpenAPI 3.1 document of the modules that are on", Args: cobra.NoArgs,
		Example: "  authy2 openapi > openapi.json",
		RunE: func(*cobra.Command, []string) error {
			s, err := env.build(look)
			if err != nil {
				return err
			}
			defer s.close()
			document, err := s.OpenAPI()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(env.stdout, strings.TrimSpace(string(document)))
			return err
		},
	}
}

// listedModule is a module as authy2 modules --json shows it.
type listedModule struct {
	Name     string          `json:"name"`
	On       bool            `json:"on"`
	Doc      string          `json:"doc"`
	Requires []string        `json:"requires"`
	Features map[string]bool `json:"features"`
	Routes   []string        `json:"routes"`
	// Permissions are what routes need of the caller's role, by route.
	Permissions map[string]string `json:"permissions"`
}

func modulesCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "modules", Short: "List the modules, which are on, and their routes", Args: cobra.NoArgs,
		Example: "  authy2 modules\n  MODULES=identity authy2 modules --json",
		RunE: func(*cobra.Command, []string) error {
			s, err := env.build(look)
			if err != nil {
				return err
			}
			defer s.close()
			list := listModules(s)
			if env.asJSON {
				return printJSON(env, list)
			}
			w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "MODULE\tSTATE\tREQUIRES\tROUTES\tWHAT IT GIVES")
			for _, m := range list {
				state := "off"
				if m.On {
					state = "on"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", m.Name, state, orDash(strings.Join(m.Requires, ",")), len(m.Routes), m.Doc)
			}
			return w.Flush()
		},
	}
}

func listModules(s *system) []listedModule {
	routes, permissions := map[string][]string{}, map[string]map[string]string{}
	for _, r := range s.Routes() {
		route := r.Method + " " + r.Path
		routes[r.Module] = append(routes[r.Module], route)
		if r.Permission != "" {
			if permissions[r.Module] == nil {
				permissions[r.Module] = map[string]string{}
			}
			permissions[r.Module][route] = string(r.Permission)
		}
	}
	var list []listedModule
	for _, m := range s.Plan().All() {
		l := listedModule{
			Name: m.Name, On: s.Plan().Has(m.Name), Doc: m.Doc, Requires: append([]string{}, m.Requires...),
			Features: map[string]bool{}, Routes: append([]string{}, routes[m.Name]...),
			Permissions: permissions[m.Name],
		}
		if l.Permissions == nil {
			l.Permissions = map[string]string{}
		}
		for _, f := range m.Features {
			l.Features[f.Name] = s.Plan().Features(m.Name).On(f.Name)
		}
		list = append(list, l)
	}
	return list
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
