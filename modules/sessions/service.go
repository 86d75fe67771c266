package sessions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/ratelimit"
)

var (
	_ authn.Authenticator = (*Service)(nil)
	_ authn.SessionIssuer = (*Service)(nil)
)

// Parts is what a [Service] works with. All are needed; what is absent from a system
// is said with its explicit value, such as NoStandings{}.
type Parts struct {
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

	Credentials Credentials
	Accounts    Accounts
	Gates       Gates
	Standings   Standings
	Compliance  authn.Compliance
	Factors     Factors
}

// Service is the use cases of sessions. It is also the system's [authn.Authenticator]
// and [authn.SessionIssuer].
type Service struct {
	config Config
	db     *database.DB
	store  *store
	log    *invalidation.Log
	clock  clock.Clock
	ids    id.Source
	tokens *crypto.Tokens
	bus    *events.Bus
	guard  *ratelimit.Guard
	logger *slog.Logger

	credentials Credentials
	accounts    Accounts
	gates       Gates
	standings   Standings
	compliance  authn.Compliance
	factors     Factors
	// limits is false where nobody limits users: what a session was begun as says nothing then.
	limits bool

	tombs    tombs
	activity *writeBack
	metrics  *metrics
	flights  singleflight.Group
	cold     chan struct{}

	running sync.WaitGroup
	stop    context.CancelFunc
}

// New returns the service. It does no I/O.
func New(config Config, p Parts) (*Service, error) {
	if err := errors.Join(config.Validate(), p.Gates.check()); err != nil {
		return nil, err
	}
	m, err := newMetrics(p.Metrics)
	if err != nil {
		return nil, err
	}
	_, unlimited := p.Gates.Compliance.(authn.NoGate)
	s := &Service{
		limits: !unlimited,
		config: config, db: p.DB, store: newStore(p.DB, p.Invalidation), log: p.Invalidation, clock: p.Clock, ids: p.IDs,
		tokens: p.Tokens, bus: p.Bus, guard: p.Guard, logger: p.Logger,
		credentials: p.Credentials, accounts: p.Accounts, gates: p.Gates, standings: p.Standings,
		compliance: p.Compliance, factors: p.Factors,
		tombs: tombs{
			cache: p.Cache, log: p.Invalidation, ids: p.IDs,
			trusted: p.Cache.Shared() || p.DB.Dialect() == database.SQLite,
		},
		metrics: m,
		cold:    make(chan struct{}, coldReads),
	}
	s.activity = &writeBack{
		store: s.store, cache: s.tombs, dirty: map[sessionID]activity{}, note: s.noteCache,
		rows: func(n int) { m.written.Add(float64(n)) },
	}
	return s, nil
}

// Longest returns the longest that any session of this system may idle and live. Rules of
// organizations are shorter or change nothing.
func (s *Service) Longest() LimitRules { return s.config.longest() }

// Start begins to write activity back. ctx is for starting only.
func (s *Service) Start(ctx context.Context) error {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.writeBack(ctx) })
	return nil
}

// lastFlush bounds the flush on the way out, whatever the caller would grant.
const lastFlush = 4 * time.Second

// Stop ends the loop and writes what it has not written. It may be called twice, and
// without Start.
func (s *Service) Stop(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		s.running.Wait()
	}
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	return s.activity.flush(ctx)
}

// writeBack flushes every interval until ctx ends.
func (s *Service) writeBack(ctx context.Context) {
	tick := time.NewTicker(s.config.interval())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.activity.flush(ctx); err != nil && ctx.Err() == nil {
			s.metrics.writeFailures.Inc()
			s.logger.WarnContext(ctx, "session activity could not be written back; it is kept for the next time", "err", err)
		}
	}
}
