package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/jobs"
)

func jobsCommand(env *environment) *cobra.Command {
	c := group(&cobra.Command{
		Use: "jobs", Short: "List, run and work on jobs",
		Example: "  authy2 jobs list\n  authy2 jobs run cleanup_sessions\n  authy2 jobs work",
	})
	c.AddCommand(jobsListCommand(env), jobsRunCommand(env), jobsStatusCommand(env), jobsWorkCommand(env))
	return c
}

// listedJob is a periodic job as authy2 jobs list --json shows it.
type listedJob struct {
	Name    string `json:"name"`
	Every   string `json:"every"`
	Timeout string `json:"timeout"`
	Doc     string `json:"doc"`
}

func jobsListCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the jobs of the modules that are on", Args: cobra.NoArgs,
		Example: "  authy2 jobs list --json",
		RunE: func(*cobra.Command, []string) error {
			s, err := env.build(look)
			if err != nil {
				return err
			}
			defer s.close()
			list := make([]listedJob, 0)
			for _, j := range s.Jobs().List() {
				list = append(list, listedJob{Name: j.Name, Every: j.Every.String(), Timeout: j.Timeout.String(), Doc: j.Doc})
			}
			if env.asJSON {
				return printJSON(env, list)
			}
			w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "JOB\tEVERY\tWHAT IT DOES")
			for _, j := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\n", j.Name, j.Every, j.Doc)
			}
			return w.Flush()
		},
	}
}

// describe prints a report as a short list, sorted by name.
func describe(r jobs.Report) string {
	if len(r) == 0 {
		return "done"
	}
	parts := make([]string, 0, len(r))
	for _, name := range sortedKeys(r) {
		parts = append(parts, fmt.Sprintf("%s=%d", name, r[name]))
	}
	return strings.Join(parts, " ")
}

// jobStatus is a periodic job as authy2 jobs status --json shows it.
type jobStatus struct {
	Name       string      `json:"name"`
	Every      string      `json:"every"`
	LastRun    *time.Time  `json:"last_run"`
	LastResult string      `json:"last_result"`
	LastError  string      `json:"last_error"`
	LastReport jobs.Report `json:"last_report"`
	Duration   string      `json:"duration"`
	Runs       int64       `json:"runs"`
	Failures   int64       `json:"failures"`
}

// statuses brings what is known of the jobs into the form of --json.
func statuses(all []jobs.Status) []jobStatus {
	list := make([]jobStatus, len(all))
	for i, j := range all {
		list[i] = jobStatus{
			Name: j.Name, Every: j.Every.String(), LastResult: j.LastResult, LastError: j.LastError, LastReport: j.LastReport,
			Duration: j.Duration.String(), Runs: j.Runs, Failures: j.Failures,
		}
		if !j.LastRun.IsZero() {
			at := j.LastRun.UTC()
			list[i].LastRun = &at
		}
		if list[i].LastReport == nil {
			list[i].LastReport = jobs.Report{}
		}
	}
	return list
}

func jobsStatusCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show when each job ran last and how it went", Args: cobra.NoArgs,
		Example: "  authy2 jobs status --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.with(cmd.Context(), func(ctx context.Context, s *system) error {
				all, err := s.Jobs().Status(ctx)
				if err != nil {
					return err
				}
				if env.asJSON {
					return printJSON(env, statuses(all))
				}
				w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "JOB\tEVERY\tLAST RUN\tRESULT\tRUNS\tFAILURES")
				for _, j := range all {
					last := "never"
					if !j.LastRun.IsZero() {
						last = j.LastRun.UTC().Format(time.RFC3339)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\n", j.Name, j.Every, last, strings.TrimSpace(j.LastResult+" "+j.LastError), j.Runs, j.Failures)
				}
				return w.Flush()
			})
		},
	}
}
