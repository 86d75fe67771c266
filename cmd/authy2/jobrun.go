package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// lastRun is how long the run that a signal finds under way may take to finish. With
// what stopping takes it stays within the ten seconds that orchestrators wait.
const lastRun = 5 * time.Second

func jobsRunCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "run [NAME]", Short: "Run a job now, or again and again", Args: cobra.MaximumNArgs(1),
		Long: "Runs the job NAME once. Without a name it runs the job of JOB_NAME, every\n" +
			"JOB_INTERVAL_SECONDS until a signal comes, or once when there is no interval. A run\n" +
			"that fails is logged, and the next one comes all the same.",
		Example: "  authy2 jobs run cleanup_sessions\n  JOB_NAME=cleanup_sessions JOB_INTERVAL_SECONDS=300 authy2 jobs run",
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.with(cmd.Context(), func(ctx context.Context, s *system) error {
				settings := s.Config().Platform.Jobs
				if len(args) == 1 {
					return env.runJob(ctx, s, args[0])
				}
				if settings.Name == "" {
					return &usageError{errors.New("say which job: authy2 jobs run NAME, or set JOB_NAME")}
				}
				return env.repeatJob(ctx, s, settings.Name, settings.Interval)
			})
		},
	}
}

// runJob runs the job once and prints its report.
func (e *environment) runJob(ctx context.Context, s *system, name string) error {
	report, err := s.Jobs().RunOnce(ctx, name)
	if err != nil {
		return err
	}
	if e.asJSON {
		return printJSON(e, map[string]any{"job": name, "report": report})
	}
	fmt.Fprintf(e.stdout, "%s: %s\n", name, describe(report))
	return nil
}

// repeatJob runs the job every interval until ctx ends; the run under way may finish. A
// run that fails is in the log and does not end the runner, unless there is no such job
// or only one run was asked for.
func (e *environment) repeatJob(ctx context.Context, s *system, name string, every time.Duration) error {
	work, done := lingering(ctx, lastRun)
	defer done()
	if every <= 0 || !hasJob(s, name) {
		return e.runJob(work, s, name)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		// The failure of a run is logged where it is counted.
		_ = e.runJob(work, s, name)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}

// lingering returns a context that ends a while after ctx. Its second result ends it now.
func lingering(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		last := time.NewTimer(by)
		defer last.Stop()
		select {
		case <-last.C:
			cancel()
		case <-late.Done():
		}
	})
	return late, func() {
		stop()
		cancel()
	}
}

func hasJob(s *system, name string) bool {
	for _, j := range s.Jobs().List() {
		if j.Name == name {
			return true
		}
	}
	return false
}
