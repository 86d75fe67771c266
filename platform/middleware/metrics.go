package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts requests by method, route template and status. The series of a route
// are looked up once and then reused.
type Metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	mu        sync.RWMutex
	series    map[seriesKey]series
}

type seriesKey struct {
	method, route string
	status        int
}

type series struct {
	count    prometheus.Counter
	duration prometheus.Observer
}

// NewMetrics registers http_requests_total and http_request_duration_seconds.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered, by method, route template and status.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time from the request's header to the end of the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
		series: map[seriesKey]series{},
	}
	if err := errors.Join(reg.Register(m.requests), reg.Register(m.durations)); err != nil {
		return nil, fmt.Errorf("middleware: register metrics: %w", err)
	}
	return m, nil
}

// observe counts one answered request.
func (m *Metrics) observe(method, route string, status int, elapsed time.Duration) {
	key := seriesKey{methodLabel(method), route, status}
	m.mu.RLock()
	s, ok := m.series[key]
	m.mu.RUnlock()
	if !ok {
		s = series{
			count:    m.requests.WithLabelValues(key.method, route, strconv.Itoa(status)),
			duration: m.durations.WithLabelValues(key.method, route),
		}
		m.mu.Lock()
		m.series[key] = s
		m.mu.Unlock()
	}
	s.count.Inc()
	s.duration.Observe(elapsed.Seconds())
}

// methodLabel bounds the label: clients may send any token as a method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
