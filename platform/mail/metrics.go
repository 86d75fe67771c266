package mail

import "github.com/prometheus/client_golang/prometheus"

// result is what became of a mail at one step.
type result string

const (
	nothing  result = "" // somebody else has it
	queued   result = "queued"
	sent     result = "sent"
	deferred result = "deferred"
	dead     result = "dead"
	disabled result = "disabled"
)

// metrics counts mails.
type metrics struct{ total *prometheus.CounterVec }

// newMetrics returns the metrics, registered unless reg is nil.
func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "mails_total", Help: "Mails by purpose and result (queued, sent, deferred, dead, disabled). A mail is deferred at every attempt that fails.",
	}, []string{"purpose", "result"})}
	if reg != nil {
		reg.MustRegister(m.total)
	}
	return m
}

func (m metrics) count(purpose string, r result) { m.total.WithLabelValues(purpose, string(r)).Inc() }
