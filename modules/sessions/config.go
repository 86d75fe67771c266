package sessions

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// longestLife bounds every timeout: a session that lives longer than a year and a bit
// is a mistake in the configuration.
const longestLife = 400 * 24 * time.Hour

// Config is the section modules.sessions of the configuration.
type Config struct {
	// IdleTimeout ends a session that made no request for so long.
	IdleTimeout time.Duration `conf:"idle_timeout" env:"SESSION_IDLE_TIMEOUT" doc:"Seconds without a request after which a session ends."`
	// AbsoluteTimeout ends a session so long after it was created, however busy it is.
	AbsoluteTimeout time.Duration `conf:"absolute_timeout" env:"SESSION_ABSOLUTE_TIMEOUT" doc:"Seconds after which a session ends whatever happens."`
	// RememberIdleTimeout takes the place of IdleTimeout for sign-ins with remember_me.
	// Zero, together with RememberAbsoluteTimeout, makes remember_me change nothing.
	RememberIdleTimeout time.Duration `conf:"remember_idle_timeout" env:"SESSION_REMEMBER_IDLE_TIMEOUT" doc:"Idle timeout of sign-ins with remember_me; 0: remember_me changes nothing."`
	// RememberAbsoluteTimeout takes the place of AbsoluteTimeout for sign-ins with
	// remember_me.
	RememberAbsoluteTimeout time.Duration `conf:"remember_absolute_timeout" env:"SESSION_REMEMBER_ABSOLUTE_TIMEOUT" doc:"Absolute timeout of sign-ins with remember_me; 0: remember_me changes nothing."`
	// StepUpMaxAge is how long a proof counts as recent where an operation asks for one.
	StepUpMaxAge time.Duration `conf:"step_up_max_age" env:"STEP_UP_MAX_AGE" doc:"Seconds after signing in or POST /api/v1/auth/step-up during which operations that ask for a recent proof let a session in."`
	// CleanupInterval is how often dead sessions are marked EXPIRED.
	CleanupInterval time.Duration `conf:"cleanup_interval" env:"SESSION_CLEANUP_INTERVAL" doc:"Seconds between two runs of cleanup_sessions."`
}

// DefaultConfig returns fifteen minutes of idleness within eight hours.
func DefaultConfig() Config {
	return Config{
		IdleTimeout:     15 * time.Minute,
		AbsoluteTimeout: 8 * time.Hour,
		StepUpMaxAge:    5 * time.Minute,
		CleanupInterval: 5 * time.Minute,
	}
}

// Validate returns every complaint at once.
func (c Config) Validate() error {
	errs := []error{
		timeout("idle_timeout", c.IdleTimeout),
		timeout("absolute_timeout", c.AbsoluteTimeout),
		timeout("step_up_max_age", c.StepUpMaxAge),
		timeout("cleanup_interval", c.CleanupInterval),
	}
	if c.IdleTimeout > c.AbsoluteTimeout {
		errs = append(errs, fmt.Errorf("idle_timeout: %s is longer than absolute_timeout, %s", c.IdleTimeout, c.AbsoluteTimeout))
	}
	switch {
	case c.RememberIdleTimeout == 0 && c.RememberAbsoluteTimeout == 0:
	case c.RememberIdleTimeout == 0 || c.RememberAbsoluteTimeout == 0:
		errs = append(errs, errors.New("remember_idle_timeout and remember_absolute_timeout: set both, or neither"))
	default:
		errs = append(errs,
			timeout("remember_idle_timeout", c.RememberIdleTimeout),
			timeout("remember_absolute_timeout", c.RememberAbsoluteTimeout))
		if c.RememberIdleTimeout > c.RememberAbsoluteTimeout {
			errs = append(errs, fmt.Errorf("remember_idle_timeout: %s is longer than remember_absolute_timeout, %s",
				c.RememberIdleTimeout, c.RememberAbsoluteTimeout))
		}
	}
	return errors.Join(errs...)
}

func timeout(name string, d time.Duration) error {
	if d < time.Second || d > longestLife || d%time.Second != 0 {
		return fmt.Errorf("%s: %s is not a number of whole seconds between 1 and 400 days", name, d)
	}
	return nil
}

// limits returns how long a session of a sign-in may idle and live.
func (c Config) limits(remember bool) LimitRules {
	if !remember {
		return LimitRules{Idle: c.IdleTimeout, Absolute: c.AbsoluteTimeout}
	}
	return LimitRules{
		Idle:     cmp.Or(c.RememberIdleTimeout, c.IdleTimeout),
		Absolute: cmp.Or(c.RememberAbsoluteTimeout, c.AbsoluteTimeout),
	}
}

// longest returns the longest that any session may idle and live.
func (c Config) longest() LimitRules {
	plain, remembered := c.limits(false), c.limits(true)
	return LimitRules{Idle: max(plain.Idle, remembered.Idle), Absolute: max(plain.Absolute, remembered.Absolute)}
}

// interval returns how often activity is written back: often enough that losing what
// was not yet written ends a session at most a tenth of its idle window early, and
// at most every thirty seconds.
func (c Config) interval() time.Duration {
	idle := c.IdleTimeout
	if c.RememberIdleTimeout > 0 {
		idle = min(idle, c.RememberIdleTimeout)
	}
	return min(30*time.Second, idle/10)
}

// slack returns how long past its deadline a row is left alone by the clean-up. One
// interval is activity that waits to be written, another is activity that was lost
// with the process that held it.
func (c Config) slack() time.Duration { return 2 * c.interval() }
