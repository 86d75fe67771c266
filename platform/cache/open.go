package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/secret"
)

const (
	// defaultPatience is short: a cache that is slower than that costs more than it gives.
	defaultPatience = 100 * time.Millisecond
	// defaultPoolSize serves 64 connections with room for jobs beside them.
	defaultPoolSize = 96
	// bufferSize holds a session many times over; go-redis' own 32 KiB each way would
	// cost 6 MiB in a full pool.
	bufferSize = 4 << 10
	// pipelineBufferSize holds the largest pipeline of this package.
	pipelineBufferSize = 32 << 10
)

// Settings is how Redis is reached.
type Settings struct {
	// URL is redis://user:password@host:6379/0 or rediss:// for TLS. With the parameter
	// master_name it names a Sentinel (further ones as addr=host:port), and with the
	// scheme redis+cluster:// or rediss+cluster:// a node of a cluster.
	URL secret.String
	// PoolSize is the number of connections, per node; 0 means 96.
	PoolSize int
	// Patience is how long dialing, reading, writing and waiting for a connection may take
	// each; 0 means 100 ms. Tests that are not about outages have more of it, since a
	// busy machine is no outage.
	Patience time.Duration
	// Clock is what the breaker measures its rests with; nil means the system's.
	Clock clock.Clock
	// Log hears when Redis goes out of reach and comes back, and at level debug what the
	// client library has to say, which is one logger for the whole process. nil is silent
	// about the former and leaves the library's logger alone.
	Log *slog.Logger
}

// OpenRedis returns a client for the URL with short time-outs, no hidden retries and a
// breaker in front. It does no I/O: a server that is away is no error here. The caller
// closes the client.
func OpenRedis(s Settings) (redis.UniversalClient, error) {
	if s.PoolSize <= 0 {
		s.PoolSize = defaultPoolSize
	}
	if s.Patience <= 0 {
		s.Patience = defaultPatience
	}
	if s.Clock == nil {
		s.Clock = clock.System{}
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	} else {
		redis.SetLogger(libraryLog{s.Log})
	}
	raw := s.URL.Reveal()
	u, err := url.Parse(raw)
	if err != nil {
		// What the parser says repeats the URL, password included.
		return nil, errors.New("cache: the Redis URL cannot be read; it looks like redis://user:password@host:6379/0")
	}
	switch base, cluster := strings.CutSuffix(u.Scheme, "+cluster"); {
	case cluster:
		return s.openCluster(base + strings.TrimPrefix(raw, u.Scheme))
	case u.Query().Has("master_name"):
		return s.openSentinel(raw)
	default:
		return s.openSingle(raw)
	}
}

func (s Settings) openSingle(raw string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, refused(err)
	}
	s.tune(o)
	c := redis.NewClient(o)
	c.AddHook(newBreaker(s.Clock, s.Log))
	return c, nil
}

func (s Settings) openSentinel(raw string) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(raw)
	if err != nil {
		return nil, refused(err)
	}
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = s.Patience, s.Patience, s.Patience, s.Patience
	o.PoolSize = s.PoolSize
	o.ReadBufferSize, o.WriteBufferSize = bufferSize, bufferSize
	o.PipelineReadBufferSize, o.PipelineWriteBufferSize = pipelineBufferSize, pipelineBufferSize
	c := redis.NewFailoverClient(o)
	c.AddHook(newBreaker(s.Clock, s.Log))
	return c, nil
}

// openCluster gives every node its own breaker: one node that is away must not close
// the others.
func (s Settings) openCluster(raw string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(raw)
	if err != nil {
		return nil, refused(err)
	}
	o.MaxRedirects = 2
	o.MinRetryBackoff, o.MaxRetryBackoff = -1, -1
	o.MaintNotificationsConfig = noMaintenance()
	o.NewClient = func(node *redis.Options) *redis.Client {
		s.tune(node)
		c := redis.NewClient(node)
		c.AddHook(newBreaker(s.Clock, s.Log))
		return c
	}
	return redis.NewClusterClient(o), nil
}

// tune sets what every connection has in common. RESP2 is spoken because RESP3 makes
// the client look for push messages before every reply, and nothing here uses them.
func (s Settings) tune(o *redis.Options) {
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = noMaintenance()
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = s.Patience, s.Patience, s.Patience, s.Patience
	o.PoolSize = s.PoolSize
	o.ReadBufferSize, o.WriteBufferSize = bufferSize, bufferSize
	o.PipelineReadBufferSize, o.PipelineWriteBufferSize = pipelineBufferSize, pipelineBufferSize
}

func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func refused(err error) error { return fmt.Errorf("cache: the Redis URL is not right: %w", err) }

// libraryLog takes what the client library would print: every failed dial, whose error the
// caller gets anyway.
type libraryLog struct{ log *slog.Logger }

// Printf logs at level debug.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
	}
}
