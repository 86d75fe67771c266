package sessions

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authy2/backend/platform/apperr"
)

// metrics counts what the hot path does. The counters of every result are looked up
// once, not on each request.
type metrics struct {
	cached, row, malformed         prometheus.Counter
	invalid, inactive, unavailable prometheus.Counter
	fills, written, writeFailures  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "session_checks_total",
		Help: "Session tokens that were judged: live by the cache or by the row, malformed, invalid, inactive, or not to be told.",
	}, []string{"result"})
	m := &metrics{
		cached: checks.WithLabelValues("cache"), row: checks.WithLabelValues("row"),
		malformed: checks.WithLabelValues("malformed"), invalid: checks.WithLabelValues("invalid"),
		inactive: checks.WithLabelValues("inactive"), unavailable: checks.WithLabelValues("unavailable"),
		fills: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "session_fills_total", Help: "Sessions that were read from the database into the cache.",
		}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "session_writeback_rows_total", Help: "Session rows whose activity was written back.",
		}),
		writeFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "session_writeback_failures_total", Help: "Write-backs of session activity that failed and will be repeated.",
		}),
	}
	for _, c := range []prometheus.Collector{checks, m.fills, m.written, m.writeFailures} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("sessions: metrics: %w", err)
		}
	}
	return m, nil
}

// refused counts a token that did not sign anybody in.
func (m *metrics) refused(err error) {
	switch {
	case errors.Is(err, apperr.ErrInvalidToken):
		m.invalid.Inc()
	case errors.Is(err, apperr.ErrSessionInactive):
		m.inactive.Inc()
	default:
		m.unavailable.Inc()
	}
}
