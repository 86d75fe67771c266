package database_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

// machine is a computer whose wall clock can be set while time goes on.
type machine struct{ wall, since time.Duration }

func (m *machine) Now() time.Time     { return time.Now().UTC().Add(m.wall + m.since) }
func (m *machine) Reading() time.Time { return time.Now().Add(m.since) }

func TestClockFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t)
	for name, tc := range map[string]struct {
		wall  time.Duration
		warns bool
		fails bool
	}{
		"right":      {0, false, false},
		"ahead":      {3 * time.Second, true, false},
		"behind":     {-3 * time.Second, true, false},
		"far behind": {-time.Hour, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			m := &machine{wall: tc.wall}
			c := database.NewClock(b.DB, m, slog.New(slog.NewTextHandler(&log, nil)))
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Stop(t.Context()) }()
			near := func(what string, got, want time.Duration) {
				t.Helper()
				if (got - want).Abs() > 500*time.Millisecond {
					t.Errorf("%s: %s, want about %s", what, got, want)
				}
			}
			near("skew", c.Skew(), tc.wall)
			near("now", time.Until(c.Now()), 0)
			if c.Now().Location() != time.UTC {
				t.Error("not in UTC")
			}
			m.wall += 42 * time.Minute // somebody sets the wall clock
			near("now after the wall clock was set", time.Until(c.Now()), 0)
			m.since += time.Minute // time goes on
			near("now a minute later", time.Until(c.Now()), time.Minute)
			if warned := strings.Contains(log.String(), "clock is off"); warned != tc.warns {
				t.Errorf("warned: %v", warned)
			}
			if err := c.Check(t.Context()); (err != nil) != tc.fails {
				t.Errorf("Check = %v", err)
			}
			if err := c.Measure(t.Context()); err != nil {
				t.Fatal(err)
			}
			near("now after the next measurement", time.Until(c.Now()), 0)
		})
	}
}

func TestClockDoesNotJitter(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t)
	c := database.NewClock(b.DB, clock.System{}, b.Log)
	if err := c.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := c.Now()
	for range 50 {
		if err := c.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := c.Now()
		if now.Before(last.Add(-time.Millisecond)) {
			t.Errorf("time went back by %s", last.Sub(now))
		}
		last = now
	}
}

func TestClockOnSQLiteIsTheMachines(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	c := database.NewClock(b.DB, b.Clock, b.Log)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Clock.Advance(time.Hour)
	if !c.Now().Equal(b.Clock.Now()) || c.Skew() != 0 || c.Check(t.Context()) != nil {
		t.Errorf("now %v, base %v, skew %v", c.Now(), b.Clock.Now(), c.Skew())
	}
}
