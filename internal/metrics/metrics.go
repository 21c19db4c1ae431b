// Package metrics counts what the proxy does, for Prometheus.
package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openfaas-logmux/logmux/proxy"
)

// Metrics are logmux' own, with those of the Go runtime and the process.
type Metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec
	duration  prometheus.Histogram
	upstreams *prometheus.CounterVec
	header    *prometheus.HistogramVec
	lines     *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	malformed *prometheus.CounterVec
	disorder  *prometheus.CounterVec
	failures  *prometheus.CounterVec
	askings   *prometheus.CounterVec
	repeated  *prometheus.CounterVec
	replayed  *prometheus.CounterVec
	late      *prometheus.CounterVec
	reloaded  prometheus.Gauge
	reloadAt  prometheus.Gauge
}

// New returns metrics of which nothing is counted yet.
func New(version string) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		requests:  counter("logmux_requests_total", "Log requests by the status they were answered with; 0 if the client left before.", "status"),
		duration:  prometheus.NewHistogram(histogram("logmux_request_duration_seconds", "Time from a log request to the end of its answer.")),
		upstreams: counter("logmux_upstream_requests_total", "Log requests to an upstream by outcome and, of the failed, reason.", "upstream", "outcome", "reason"),
		header:    prometheus.NewHistogramVec(histogram("logmux_upstream_header_duration_seconds", "Time until an upstream's answer began."), []string{"upstream"}),
		lines:     counter("logmux_upstream_lines_total", "Lines of an upstream that passed the filters.", "upstream"),
		bytes:     counter("logmux_upstream_bytes_total", "Bytes read of an upstream's answers.", "upstream"),
		malformed: counter("logmux_upstream_malformed_lines_total", "Lines of an upstream that were no log message, or too long, and were wrapped.", "upstream"),
		disorder:  counter("logmux_upstream_disordered_lines_total", "Lines of an upstream that is said to be ordered which came after a later one.", "upstream"),
		failures:  counter("logmux_upstream_follow_failures_total", "Failures of an upstream in follows, counted when they happen, by reason.", "upstream", "reason"),
		askings:   counter("logmux_upstream_follow_requests_total", "Requests to an upstream for the live lines of follows; more than one for each means reconnects or polls.", "upstream"),
		repeated:  counter("logmux_upstream_repeated_lines_total", "Lines that an upstream sent again to a follow, and that were left out.", "upstream"),
		replayed:  counter("logmux_upstream_replayed_lines_total", "Lines that only a further request of a follow brought, older than what is remembered, and that were left out.", "upstream"),
		late:      counter("logmux_upstream_late_lines_total", "Live lines that came after a later one was sent.", "upstream"),
	}
	m.reloaded = gauge("logmux_config_last_reload_successful", "Whether the last reload of the config was one: 1, or 0 if the file was not valid and the config before stays in use.")
	m.reloadAt = gauge("logmux_config_last_reload_success_timestamp_seconds", "When the config in use was taken.")
	m.Reloaded(true) // at the start
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "logmux_build_info", Help: "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.upstreams, m.header, m.lines, m.bytes, m.malformed, m.disorder, m.failures, m.askings, m.repeated, m.replayed, m.late, m.reloaded, m.reloadAt, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func histogram(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}
}

// Expect makes the series of an upstream begin at zero, for a rate cannot see the
// first failure of one that is not there before.
func (m *Metrics) Expect(upstream string) {
	m.upstreams.WithLabelValues(upstream, string(proxy.OK), "")
	m.upstreams.WithLabelValues(upstream, string(proxy.Absent), "")
	for _, reason := range []proxy.Reason{proxy.ReasonDial, proxy.ReasonTimeout, proxy.ReasonTruncated} {
		m.upstreams.WithLabelValues(upstream, string(proxy.Failed), string(reason))
		m.failures.WithLabelValues(upstream, string(reason))
	}
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Count adds a request that has ended.
func (m *Metrics) Count(report proxy.Report) {
	m.requests.WithLabelValues(strconv.Itoa(report.Status)).Inc()
	m.duration.Observe(report.Duration.Seconds())
	for i := range report.Results {
		m.countUpstream(&report.Results[i])
	}
}

// CountFollowFailure adds a failure of an upstream in a follow that goes on.
func (m *Metrics) CountFollowFailure(upstream string, reason proxy.Reason) {
	m.failures.WithLabelValues(upstream, string(reason)).Inc()
}

// Reloaded notes how a reload of the config has ended.
func (m *Metrics) Reloaded(ok bool) {
	if !ok {
		m.reloaded.Set(0)
		return
	}
	m.reloaded.Set(1)
	m.reloadAt.SetToCurrentTime()
}

func (m *Metrics) countUpstream(r *proxy.Result) {
	reason := ""
	if r.Failure != nil {
		reason = string(r.Failure.Reason)
	}
	m.upstreams.WithLabelValues(r.Configured, string(r.Outcome), reason).Inc()
	if r.ToHeader > 0 {
		m.header.WithLabelValues(r.Configured).Observe(r.ToHeader.Seconds())
	}
	m.lines.WithLabelValues(r.Configured).Add(float64(r.Stats.Lines))
	m.bytes.WithLabelValues(r.Configured).Add(float64(r.Stats.Bytes))
	m.malformed.WithLabelValues(r.Configured).Add(float64(r.Stats.Malformed))
	m.askings.WithLabelValues(r.Configured).Add(float64(r.Askings))
	m.repeated.WithLabelValues(r.Configured).Add(float64(r.Suppressed))
	m.replayed.WithLabelValues(r.Configured).Add(float64(r.Replayed))
	m.late.WithLabelValues(r.Configured).Add(float64(r.Late))
	if r.Ordered {
		m.disorder.WithLabelValues(r.Configured).Add(float64(r.Stats.Disorder))
	}
}
