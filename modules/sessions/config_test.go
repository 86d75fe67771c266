package sessions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
)

func TestDefaultsAreFifteenMinutesWithinEightHours(t *testing.T) {
	t.Parallel()
	c := sessions.DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.IdleTimeout != 900*time.Second || c.AbsoluteTimeout != 28800*time.Second || c.RememberIdleTimeout != 0 || c.RememberAbsoluteTimeout != 0 || c.StepUpMaxAge != 300*time.Second {
		t.Fatalf("defaults are %+v", c)
	}
}

func TestConfigReportsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*sessions.Config)
		want   []string
	}{
		"idle beyond absolute":     {func(c *sessions.Config) { c.IdleTimeout = 9 * time.Hour }, []string{"idle_timeout: 9h0m0s is longer"}},
		"less than a second":       {func(c *sessions.Config) { c.IdleTimeout = time.Millisecond }, []string{"idle_timeout"}},
		"a fraction of a second":   {func(c *sessions.Config) { c.IdleTimeout = 1500 * time.Millisecond }, []string{"idle_timeout"}},
		"negative":                 {func(c *sessions.Config) { c.AbsoluteTimeout = -time.Second }, []string{"absolute_timeout"}},
		"half of remember":         {func(c *sessions.Config) { c.RememberAbsoluteTimeout = 720 * time.Hour }, []string{"set both"}},
		"remember idles too long":  {func(c *sessions.Config) { c.RememberIdleTimeout, c.RememberAbsoluteTimeout = 2*time.Hour, time.Hour }, []string{"remember_idle_timeout: 2h0m0s is longer"}},
		"a session of a life time": {func(c *sessions.Config) { c.AbsoluteTimeout = 10000 * time.Hour }, []string{"absolute_timeout"}},
		"no step-up":               {func(c *sessions.Config) { c.StepUpMaxAge = 0 }, []string{"step_up_max_age"}},
		"two at once":              {func(c *sessions.Config) { c.IdleTimeout, c.CleanupInterval = 0, 0 }, []string{"idle_timeout", "cleanup_interval"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := sessions.DefaultConfig()
			c.change(&config)
			err := config.Validate()
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func TestWriteBackScalesWithTheIdleLimit(t *testing.T) {
	t.Parallel()
	cases := []struct{ idle, remember, want time.Duration }{
		{900 * time.Second, 0, 30 * time.Second},
		{300 * time.Second, 0, 30 * time.Second},
		{100 * time.Second, 0, 10 * time.Second},
		{2 * time.Second, 0, 200 * time.Millisecond},
		{time.Second, 0, 100 * time.Millisecond},
		{900 * time.Second, 60 * time.Second, 6 * time.Second},
	}
	for _, c := range cases {
		config := sessions.Config{IdleTimeout: c.idle, RememberIdleTimeout: c.remember}
		if got := config.Interval(); got != c.want {
			t.Errorf("idle %s, remember %s: every %s, want %s", c.idle, c.remember, got, c.want)
		}
		if got := config.Slack(); got != 2*c.want {
			t.Errorf("idle %s: the clean-up waits %s, want two intervals", c.idle, got)
		}
	}
}
