package crypto

import "github.com/prometheus/client_golang/prometheus"

// poolMetrics are what operators watch to see whether log-ins outgrow the processors.
type poolMetrics struct {
	duration prometheus.Histogram
	rejected prometheus.Counter
}

// newPoolMetrics registers the pool's metrics; reg may be nil.
func newPoolMetrics(reg prometheus.Registerer, depth func() float64) poolMetrics {
	m := poolMetrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "password_hash_duration_seconds",
			Help:    "How long hashing or checking one password took a worker.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 10),
		}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "password_rejected_total",
			Help: "Passwords refused because too many others were waiting.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.duration, m.rejected, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "password_queue_depth",
			Help: "Passwords waiting for a worker.",
		}, depth))
	}
	return m
}
