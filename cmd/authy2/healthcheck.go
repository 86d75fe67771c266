package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthcheckTimeout is shorter than the interval at which orchestrators ask.
const healthcheckTimeout = 3 * time.Second

func healthcheckCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the server on this machine whether it is ready", Args: cobra.NoArgs,
		Long:    "Asks the readiness of the server that listens on HTTP_ADDR: exit status 0 when it is\nready, 1 when it is not. It is the health check of a container.",
		Example: "  authy2 healthcheck",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, _, err := env.load()
			if err != nil {
				return err
			}
			host, port, err := net.SplitHostPort(loaded.Platform.HTTP.Addr)
			if err != nil {
				return &usageError{err}
			}
			if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
				host = "127.0.0.1"
			}
			client := &http.Client{Timeout: healthcheckTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("a health check follows no redirect")
			}}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/api/health/ready", nil)
			if err != nil {
				return err
			}
			res, err := client.Do(req)
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: the server answered %d", res.StatusCode)
			}
			if env.asJSON {
				return printJSON(env, map[string]bool{"ready": true})
			}
			fmt.Fprintln(env.stdout, "ready")
			return nil
		},
	}
}
