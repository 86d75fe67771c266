package database

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/authy2/backend/platform/clock"
)

const (
	measureEvery = 10 * time.Second
	skewWarns    = time.Second
	skewFails    = 5 * time.Second
	samples      = 3
)

// Clock is the database's time, so that all replicas agree on when something ends. Between
// measurements it advances with the machine's monotonic clock, which no change of the
// wall clock moves. Before Start, and on SQLite, it is the base clock.
type Clock struct {
	db   *DB
	base clock.Clock
	log  *slog.Logger

	anchor atomic.Pointer[anchor]
	skew   atomic.Int64
	stop   context.CancelFunc
	done   chan struct{}
}

var _ clock.Clock = (*Clock)(nil)

// anchor is a moment on both clocks.
type anchor struct {
	local    time.Time // with a monotonic reading where the base clock has one
	database time.Time
	within   time.Duration // how far off it may be
}

// monotonic is a base clock that keeps the monotonic reading.
type monotonic interface{ Reading() time.Time }

// NewClock returns the clock of db's server over base.
func NewClock(db *DB, base clock.Clock, log *slog.Logger) *Clock {
	return &Clock{db: db, base: base, log: log}
}

// Now returns the database's time in UTC.
func (c *Clock) Now() time.Time {
	a := c.anchor.Load()
	if a == nil {
		return c.base.Now()
	}
	return a.database.Add(c.reading().Sub(a.local))
}

// Skew returns how far this machine's wall clock was ahead of the database at the last
// measurement; negative when it was behind.
func (c *Clock) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// Check fails when the machine's clock is so wrong that this replica is not ready.
func (c *Clock) Check(context.Context) error {
	if skew := c.Skew().Abs(); skew >= skewFails {
		return fmt.Errorf("this machine's clock is %s off the database's; synchronise it (NTP)", skew.Round(time.Millisecond))
	}
	return nil
}

// Start measures once and then every ten seconds until Stop.
func (c *Clock) Start(ctx context.Context) error {
	if c.db.Dialect() == SQLite {
		return nil
	}
	if err := c.Measure(ctx); err != nil {
		return err
	}
	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop, c.done = stop, make(chan struct{})
	go c.follow(loop)
	return nil
}

// Stop ends the measuring.
func (c *Clock) Stop(context.Context) error {
	if c.stop != nil {
		c.stop()
		<-c.done
	}
	return nil
}

func (c *Clock) follow(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.Measure(ctx); err != nil && ctx.Err() == nil {
				c.log.DebugContext(ctx, "the database's clock could not be read; the last offset stays", "err", err)
			}
		}
	}
}

// Measure reads the database's clock now. The answer of the fastest of a few round trips
// counts; a measurement no better than what is known already changes nothing, so that
// time does not jitter.
func (c *Clock) Measure(ctx context.Context) error {
	if c.db.Dialect() == SQLite {
		return nil
	}
	var best *anchor
	for range samples {
		a, err := c.sample(ctx)
		if err != nil {
			return fmt.Errorf("database: read the clock: %w", err)
		}
		if best == nil || a.within < best.within {
			best = a
		}
	}
	skew := c.base.Now().Sub(best.database.Add(c.reading().Sub(best.local)))
	c.skew.Store(int64(skew))
	if known := c.anchor.Load(); known == nil || differs(known, best) {
		c.anchor.Store(best)
	}
	if skew.Abs() >= skewWarns {
		c.log.WarnContext(ctx, "this machine's clock is off the database's; synchronise it (NTP)", "skew", skew)
	}
	return nil
}

// sample reads the database's clock once. The answer is from somewhere between question
// and answer; the middle is taken.
func (c *Clock) sample(ctx context.Context) (*anchor, error) {
	bound := limit(ctx, c.db.settings.Timeout)
	defer bound.cancel()
	var now time.Time
	asked := c.reading()
	if err := c.db.read.DB.QueryRowContext(bound, "SELECT clock_timestamp()").Scan(&now); err != nil { //nolint:contextcheck // ctx's values under our own limit
		return nil, Translate(err)
	}
	half := c.reading().Sub(asked) / 2
	return &anchor{local: asked.Add(half), database: now.UTC(), within: half}, nil
}

// differs reports whether the new measurement contradicts the known one.
func differs(known, measured *anchor) bool {
	predicted := known.database.Add(measured.local.Sub(known.local))
	return measured.database.Sub(predicted).Abs() > known.within+measured.within
}

func (c *Clock) reading() time.Time {
	if m, ok := c.base.(monotonic); ok {
		return m.Reading()
	}
	return c.base.Now()
}
