package kernel

import (
	"crypto/rand"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/telemetry"
)

// Options are what a system is made of. Loaded, Plan and Wire are required.
type Options struct {
	// Loaded is the configuration.
	Loaded *config.Loaded
	// Plan is which modules are on.
	Plan *Plan
	// Wire fills the modules' ports. It provides authn.Authenticator and authn.Authorizer
	// among them, which are authn.NoAuthenticator{} in a system without sessions and
	// authn.NoAuthorizer{} in one without organizations.
	Wire fx.Option
	// Version is the release, shown by /api/health and the document.
	Version string
	// Serve makes Start listen, and work on jobs where the configuration lets the server
	// do that. Without Serve and Work, Start only makes the system usable, for commands
	// and tests; a command may run beside a server.
	Serve bool
	// Work makes Start work on jobs whatever the configuration says. Without Serve it
	// listens for nobody but those who read the metrics, where these have an address.
	Work bool
	// Log receives log lines; nil discards them.
	Log *slog.Logger
	// Metrics is the registry of metrics; nil makes a fresh one.
	Metrics *prometheus.Registry
	// Clock replaces the database's clock, for tests.
	Clock clock.Clock
	// IDs mints record identifiers; nil gives UUIDs of version 7.
	IDs id.Source
	// Rand is the source of randomness; nil gives crypto/rand.
	Rand io.Reader
	// Database is laid over the database's settings, for tests: Strict and
	// StatementObserver are taken from it.
	Database database.Settings
}

// works reports whether the system works on jobs.
func (o Options) works() bool {
	return o.Work || (o.Serve && o.Loaded.Platform.Jobs.InProcess)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewRegistry()
	}
	if o.IDs == nil {
		o.IDs = id.Generator{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Wire == nil {
		o.Wire = fx.Options()
	}
	return o
}
