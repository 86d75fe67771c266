package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/config"
)

// stopTimeout is how long requests and jobs under way may take to finish after a signal.
const stopTimeout = 9 * time.Second

// errSeedNeedsForce is the answer to seeding outside development.
var errSeedNeedsForce = errors.New("sample users have passwords that everybody knows: outside development, seeding needs --force")

func serveCommand(env *environment) *cobra.Command {
	var seed bool
	c := &cobra.Command{
		Use: "serve", Short: "Serve the API until a signal comes", Args: cobra.NoArgs,
		Example: "  authy2 serve\n  authy2 serve --seed        # development: with the sample users\n  HTTP_ADDR=:8080 authy2 serve",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := env.build(serve)
			if err != nil {
				return err
			}
			defer s.close()
			if seed && s.Config().Profile == config.Production {
				return &usageError{errSeedNeedsForce}
			}
			return s.during(cmd.Context(), func(ctx context.Context, s *system) error {
				if seed {
					if err := s.Seed(ctx, func(sentence string) { s.log.Info("seed", "step", sentence) }); err != nil {
						return err
					}
				}
				if s.Config().Profile == config.Development {
					env.welcome(s, seed)
				}
				<-ctx.Done()
				s.log.Info("stopping")
				return nil
			})
		},
	}
	c.Flags().BoolVar(&seed, "seed", false, "add the sample users first (development and testing)")
	return c
}

// welcome tells a newcomer where to go next.
func (e *environment) welcome(s *system, seeded bool) {
	base := "http://" + reachable(s.Addr())
	var b strings.Builder
	fmt.Fprintf(&b, "\nauthy2 %s is serving on %s\n\n", currentBuild().Version, base)
	fmt.Fprintf(&b, "  read and try the API   %s/api/docs\n", base)
	fmt.Fprintf(&b, "  OpenAPI 3.1            %s/api/openapi.json\n", base)
	fmt.Fprintf(&b, "  health                 %s/api/health\n", base)
	fmt.Fprintf(&b, "  modules                %s\n", strings.Join(s.Plan().Names(), ", "))
	if seeded && s.Plan().Has("sessions") {
		fmt.Fprintf(&b, "\n  curl -s %s/api/v1/auth/login -H 'Content-Type: application/json' \\\n"+
			"    -d '{\"email\":\"bob@acme-corp.com\",\"password\":\"UserPass123!\"}'\n", base)
	}
	fmt.Fprintln(e.stdout, b.String())
}

// reachable turns a listening address into one that a client can use.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func seedCommand(env *environment) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "seed", Short: "Add the sample data, leaving alone what is there", Args: cobra.NoArgs,
		Example: "  authy2 seed\n  APP_ENV=testing authy2 seed --force",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, _, err := env.load()
			if err != nil {
				return err
			}
			if loaded.Profile != config.Development && !force {
				return &usageError{errSeedNeedsForce}
			}
			return env.with(cmd.Context(), func(ctx context.Context, s *system) error {
				return s.Seed(ctx, env.progress)
			})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "seed outside development too")
	return c
}
