package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// errWorkNeedsServer is the answer to a worker beside a SQLite file: that file's server
// keeps in memory what is true, and would not hear of what another process changes.
var errWorkNeedsServer = errors.New("a worker of its own needs PostgreSQL: on SQLite the server works on the jobs itself (JOBS_IN_PROCESS=true)")

func jobsWorkCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "work", Short: "Work on periodic and queued jobs until a signal comes", Args: cobra.NoArgs,
		Long: "Works on periodic and queued jobs without serving the API, for installations whose\n" +
			"servers do not (JOBS_IN_PROCESS=false) or not alone. Any number of workers and servers\n" +
			"share the work; a periodic job runs once per interval in all of them. METRICS_ADDR is\n" +
			"listened on when it is set. A signal lets jobs under way finish, or hands them on.",
		Example: "  authy2 jobs work\n  METRICS_ADDR=:9090 authy2 jobs work",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := env.build(work)
			if err != nil {
				return err
			}
			defer s.close()
			if s.Config().Platform.Database.SQLite() {
				return &usageError{errWorkNeedsServer}
			}
			return s.during(cmd.Context(), func(ctx context.Context, s *system) error {
				s.log.Info("working on jobs", "jobs", len(s.Jobs().List()))
				<-ctx.Done()
				s.log.Info("stopping")
				return nil
			})
		},
	}
}
