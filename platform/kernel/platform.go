package kernel

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
)

// parts are the parts of the platform. Their constructors do no I/O; [App] starts and
// stops them in an order of its own.
type parts struct {
	platform     config.Platform
	metrics      *prometheus.Registry
	db           *database.DB
	dbClock      *database.Clock // nil when Options give a clock
	clock        clock.Clock
	redis        redis.UniversalClient // nil without a Redis URL
	sliding      cache.Sliding
	store        cache.Store
	limiter      *ratelimit.Limiter
	growing      ratelimit.Growing
	guard        *ratelimit.Guard
	bus          *events.Bus
	jobs         *jobs.Client
	mail         *mail.Queue
	composer     *mail.Composer
	keys         *crypto.Keyring
	sealing      *crypto.Keyring
	tokens       *crypto.Tokens
	passwords    *crypto.Passwords
	privacy      *privacy.Registry
	answers      *httpx.Answers
	invalidation *invalidation.Log
	// keyless is true when a master key is missing, as it may be for commands that
	// store nothing.
	keyless bool
}

// newParts makes every part of the platform.
func newParts(o Options) (*parts, error) {
	p := &parts{platform: o.Loaded.Platform, metrics: o.Metrics, bus: events.NewBus(), privacy: privacy.NewRegistry(), tokens: crypto.NewTokens(o.Rand)}
	var err error
	settings := o.Database
	settings.URL, settings.Exclusive = p.platform.Database.URL, o.Serve
	if p.db, err = database.Open(settings, o.Log); err != nil {
		return nil, err
	}
	if p.clock = o.Clock; p.clock == nil {
		p.dbClock = database.NewClock(p.db, clock.System{}, o.Log)
		p.clock = p.dbClock
	}
	if err := p.openCache(o); err != nil {
		return nil, err
	}
	if err := p.openKeys(); err != nil {
		return nil, err
	}
	if err := p.openLimits(o.Plan); err != nil {
		return nil, err
	}
	p.passwords = crypto.NewPasswords(p.platform.Password.BcryptLogRounds, 0, clock.System{}, o.Log, o.Metrics)
	// The log measures how old its knowledge is, which is this machine's own business.
	p.invalidation = invalidation.New(p.db, clock.System{}, o.Log, invalidation.Settings{})
	p.answers = httpx.NewAnswers(p.db, p.store, p.keys, p.clock, o.Rand, o.Log)
	p.jobs = jobs.New(p.db, p.clock, o.Log, jobs.Settings{
		InProcess: o.works(), Registerer: o.Metrics,
	})
	return p, p.openMail(o)
}

// openCache chooses Redis or this process's memory.
func (p *parts) openCache(o Options) error {
	if p.platform.Redis.URL.Empty() {
		p.sliding, p.store = cache.NewMemorySliding(p.clock), cache.NewMemoryStore(p.clock)
		return nil
	}
	var err error
	if p.redis, err = cache.OpenRedis(cache.Settings{URL: p.platform.Redis.URL, Log: o.Log}); err != nil {
		return err
	}
	p.sliding, p.store = cache.NewRedisSliding(p.redis), cache.NewRedisStore(p.redis)
	return nil
}

// openLimits makes what slows callers down.
func (p *parts) openLimits(plan *Plan) error {
	var declared []ratelimit.Limit
	rates := map[string]string{}
	for _, m := range plan.on {
		for _, l := range m.Limits {
			declared = append(declared, l)
			rates[l.Name] = p.platform.RateLimit.Rates[l.Name]
		}
	}
	settings := ratelimit.Settings{Redis: p.redis, Enabled: p.platform.RateLimit.Enabled}
	var err error
	if p.limiter, err = ratelimit.NewLimiter(declared, rates, settings); err != nil {
		return err
	}
	p.growing = ratelimit.NewGrowing(settings, p.clock)
	p.guard = ratelimit.NewGuard(p.growing, p.store, p.keys.Derive("sign-in guard"), settings.Enabled)
	return nil
}

// openKeys reads the master keys. A missing one is replaced by one of this process, so
// that a system can be built and looked at; [App.Start] refuses to run on it.
func (p *parts) openKeys() error {
	open := func(name string, given secret.String) (*crypto.Keyring, error) {
		if given.Empty() {
			p.keyless = true
			given = p.tokens.New() // 32 bytes in base64, which is one form of a key
		}
		ring, err := crypto.ParseKeyring(given)
		if err != nil {
			return nil, fmt.Errorf("kernel: %s: %w", name, err)
		}
		return ring, nil
	}
	var err error
	if p.keys, err = open("SECRET_KEY", p.platform.Keys.Secret); err != nil {
		return err
	}
	p.sealing, err = open("ENCRYPTION_KEY", p.platform.Keys.Encryption)
	return err
}

// provide hands the parts to the modules.
func (p *parts) provide(o Options) fx.Option {
	return fx.Module(platformName,
		fx.Supply(p.platform, p.db, p.bus, p.jobs, p.invalidation, p.limiter, p.guard, p.keys, p.tokens, p.passwords, p.privacy, p.composer, o.Log),
		fx.Supply(fx.Annotate(p.sealing, fx.ResultTags(`name:"encryption"`))),
		fx.Provide(
			func() clock.Clock { return p.clock },
			func() id.Source { return o.IDs },
			func() cache.Sliding { return p.sliding },
			func() cache.Store { return p.store },
			func() ratelimit.Growing { return p.growing },
			func() mail.Outbox { return p.mail },
			func() prometheus.Registerer { return p.metrics },
		),
	)
}
