package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"

	"github.com/authy2/backend/platform/clock"
)

// Settings say where calls are counted.
type Settings struct {
	// Redis counts for all processes together; nil counts in this process's memory.
	Redis redis.UniversalClient
	// Enabled is false when nothing is to be counted and everything passes.
	Enabled bool
	// Prefix begins every key in Redis; empty means "ratelimit".
	Prefix string
}

func (s Settings) prefix() string {
	if s.Prefix == "" {
		return "ratelimit"
	}
	return s.Prefix
}

// Limiter counts calls in fixed windows: the first call of a key opens a window of the
// limit's period, in which exactly the limit's number of calls pass. It is safe for
// concurrent use.
type Limiter struct {
	enabled bool
	rates   map[string]limiter.Rate
	remote  *remoteStore
	local   limiter.Store
}

// NewLimiter returns a Limiter of the limits. overrides changes rates by the limits'
// names. Every rate that cannot be read and every override of an unknown limit is in the
// error. It does no I/O: scripts are loaded by the first call.
func NewLimiter(limits []Limit, overrides map[string]string, s Settings) (*Limiter, error) {
	l := &Limiter{enabled: s.Enabled, rates: make(map[string]limiter.Rate, len(limits)), local: newMemoryStore()}
	if s.Redis != nil {
		l.remote = &remoteStore{client: s.Redis, prefix: s.prefix()}
	}
	var errs []error
	for _, limit := range limits {
		text := limit.Default
		if changed, ok := overrides[limit.Name]; ok {
			text = changed
		}
		rate, err := parseRate(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("ratelimit: %s: %w", limit.Name, err))
		}
		if _, twice := l.rates[limit.Name]; twice {
			errs = append(errs, fmt.Errorf("ratelimit: %s is declared twice", limit.Name))
		}
		l.rates[limit.Name] = rate
	}
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if _, ok := l.rates[name]; !ok {
			errs = append(errs, fmt.Errorf("ratelimit: there is no limit %s", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return l, nil
}

// parseRate reads <limit>-<period> with a limit of at least one.
func parseRate(text string) (limiter.Rate, error) {
	rate, err := limiter.NewRateFromFormatted(text)
	if err != nil || rate.Limit < 1 || rate.Limit > 1e9 {
		return rate, fmt.Errorf("%q is not a rate such as 30-M (limit, dash, S M H or D)", text)
	}
	return rate, nil
}

// Take counts one call of key against the named limit. The zero Result means that limits
// are switched off. While Redis is out of reach it
// counts in memory; the error is only ever about a limit that was not declared.
func (l *Limiter) Take(ctx context.Context, name, key string) (Result, error) {
	rate, ok := l.rates[name]
	if !ok {
		return Result{}, fmt.Errorf("ratelimit: there is no limit %s", name)
	}
	if !l.enabled {
		return Result{}, nil
	}
	// A client that hangs up must not thereby escape the shared count.
	ctx = context.WithoutCancel(ctx)
	key = name + ":" + key
	if l.remote != nil {
		if store, err := l.remote.open(); err == nil {
			if c, err := limiter.New(store, rate).Get(ctx, key); err == nil {
				return result(c, rate), nil
			}
		}
	}
	c, err := limiter.New(l.local, rate).Get(ctx, key)
	if err != nil {
		return Result{}, fmt.Errorf("ratelimit: %s: %w", name, err)
	}
	return result(c, rate), nil
}

// result rounds the end of the window up, since it was rounded down, but never beyond a
// whole period.
func result(c limiter.Context, rate limiter.Rate) Result {
	reset := time.Unix(c.Reset+1, 0).UTC()
	if latest := (clock.System{}).Now().Add(rate.Period).Truncate(time.Second); reset.After(latest) {
		reset = latest
	}
	return Result{Limit: int(c.Limit), Remaining: int(c.Remaining), Reset: reset, Reached: c.Reached}
}
