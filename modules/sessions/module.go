package sessions

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	migrations "github.com/authy2/backend/migrations/sessions"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
)

// Name is the module's name.
const Name = "sessions"

// Module is the entry of sessions in the binary. The wiring gives it [Credentials],
// [Accounts], [Gates], [Standings], [authn.Compliance] and [Factors]; it gives
// [*Service], which is authn.Authenticator and authn.SessionIssuer.
func Module() kernel.Module {
	return kernel.Define(kernel.Module{
		Name:       Name,
		Doc:        "Signing in, recognising and signing out: tokens, idle and absolute limits, revocation.",
		Requires:   []string{"identity"},
		Limits:     limits(),
		Migrations: migrations.FS,
	}, DefaultConfig, func(config Config, _ kernel.Features) fx.Option {
		return fx.Options(
			fx.Supply(fx.Private, config),
			fx.Provide(newService),
			kernel.Contribute(newContribution),
		)
	})
}

type dependencies struct {
	fx.In

	Config       Config
	DB           *database.DB
	Cache        cache.Sliding
	Invalidation *invalidation.Log
	Clock        clock.Clock
	IDs          id.Source
	Tokens       *crypto.Tokens
	Bus          *events.Bus
	Guard        *ratelimit.Guard
	Logger       *slog.Logger
	Metrics      prometheus.Registerer
	Credentials  Credentials
	Accounts     Accounts
	Gates        Gates
	Standings    Standings
	Compliance   authn.Compliance
	Factors      Factors
}

func newService(d dependencies, lifecycle fx.Lifecycle) (*Service, error) {
	s, err := New(d.Config, Parts{
		DB: d.DB, Cache: d.Cache, Invalidation: d.Invalidation, Clock: d.Clock, IDs: d.IDs, Tokens: d.Tokens, Bus: d.Bus,
		Guard: d.Guard, Logger: d.Logger, Metrics: d.Metrics, Credentials: d.Credentials, Accounts: d.Accounts, Gates: d.Gates,
		Standings: d.Standings, Compliance: d.Compliance, Factors: d.Factors,
	})
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.Hook{OnStart: s.Start, OnStop: s.Stop})
	return s, nil
}

// cleanupTimeout bounds a run of the clean-up, which marks a thousand rows at a time.
const cleanupTimeout = time.Minute

func newContribution(s *Service) kernel.Contribution {
	return kernel.Contribution{
		Module:    Name,
		Endpoints: handler{s}.endpoints(),
		Jobs: []jobs.Periodic{{
			Name: "cleanup_sessions", Doc: "Marks sessions past their limits EXPIRED.",
			Every: s.config.CleanupInterval, Timeout: min(cleanupTimeout, s.config.CleanupInterval),
			Run: func(ctx context.Context) (jobs.Report, error) {
				n, err := s.Cleanup(ctx)
				return jobs.Report{"expired": n}, err
			},
		}},
		Subscriptions: s.subscriptions(),
		Commands:      commands(s),
		Exporters: []privacy.Exporter{{
			Section: Name,
			Export:  func(ctx context.Context, userID string) (any, error) { return s.Export(ctx, userID) },
		}},
		Actions: actions(),
	}
}
