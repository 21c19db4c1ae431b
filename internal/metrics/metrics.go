// Package metrics counts what logmux does, for Prometheus.
//
//	proxy.Handler ──Began, Ended, Failing, Arrived──► requests.go, upstreams.go ──┐
//	serve ──────────Reloaded────────────────────────► reloads.go ─────────────────┼──► /metrics
//	serve ◄─────────asked at each scrape────────────── state.go ──────────────────┘
//
// Nothing here is done for each line: the proxy tells of whole requests, and of
// blocks of live lines.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openfaas-logmux/logmux/proxy"
)

// Metrics are logmux' own, with those of the Go runtime and the process. Its
// methods may be called at any time, by any goroutine. docs/metrics.md lists
// them.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *requests
	upstreams *upstreams
	reloads   *reloads
}

// New returns metrics of which nothing is counted yet.
func New(version string) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		requests:  newRequests(),
		upstreams: newUpstreams(),
		reloads:   newReloads(),
	}
	build := gauge("logmux_build_info", "Always 1; the version is a label.", prometheus.Labels{"version": version})
	build.Set(1)
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.requests.collectors()...)
	m.registry.MustRegister(m.upstreams.collectors()...)
	m.registry.MustRegister(m.reloads.collectors()...)
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Gatherer gives the metrics as they are.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Watch has ask called for what the instance does whenever the metrics are
// wanted. It may be called once. ask must not wait for long.
func (m *Metrics) Watch(ask func() State) { m.registry.MustRegister(&state{ask}) }

// Observe has the handler tell of what it does, and takes its upstreams for those
// that there are from now on. The series of new ones begin at zero, for a rate
// cannot see the first failure of one that is not there before. Those of others go
// away for good: what requests at handlers before still tell of them is not counted.
func (m *Metrics) Observe(h *proxy.Handler) {
	m.upstreams.configured(h.Upstreams)
	h.Began = m.requests.began
	h.Ended = func(r proxy.Report) {
		m.requests.ended(&r)
		m.upstreams.ended(&r)
	}
	h.Failing = m.upstreams.failing
	h.Arrived = m.upstreams.arrived
}

// Reloaded notes how a reload of the config has ended.
func (m *Metrics) Reloaded(ok bool) { m.reloads.ended(ok) }

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels prometheus.Labels) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// seconds are the buckets of durations. The last ones are the defaults of
// header_timeout, query.timeout and query.follow_timeout.
var seconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
