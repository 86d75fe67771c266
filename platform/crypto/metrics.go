package crypto

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// poolMetrics are what operators watch to see whether log-ins outgrow the processors.
type poolMetrics struct {
	duration prometheus.Histogram
	rejected prometheus.Counter
	batches  *prometheus.CounterVec
	active   prometheus.Gauge
	failures prometheus.Counter
}

// newPoolMetrics registers the pool's metrics; reg may be nil.
func newPoolMetrics(reg prometheus.Registerer, depth func() float64) poolMetrics {
	m := poolMetrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "password_hash_duration_seconds",
			Help:    "How long a worker was at the passwords that it hashed or checked at once.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 10),
		}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "password_rejected_total",
			Help: "Passwords refused because too many others were waiting.",
		}),
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "password_batches_total",
			Help: "Batches of passwords, by how many were hashed or checked side by side.",
		}, []string{"width"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "password_lanes_active",
			Help: "1 when passwords are hashed four at a time, 0 when one by one.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "password_lanes_failures_total",
			Help: "Failed self-tests and refused batches of the four-lane bcrypt.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.duration, m.rejected, m.batches, m.active, m.failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "password_queue_depth",
			Help: "Passwords waiting for a worker.",
		}, depth))
	}
	return m
}

// observe counts a batch that took so long, or that the engine refused.
func (m poolMetrics) observe(b *batch, took time.Duration, refused error) {
	m.duration.Observe(took.Seconds())
	width, batches := len(b.trials), 1
	if b.engine == nil || refused != nil {
		width, batches = 1, len(b.trials)
	}
	m.batches.WithLabelValues(strconv.Itoa(width)).Add(float64(batches))
	if refused != nil {
		m.failures.Inc()
	}
}
