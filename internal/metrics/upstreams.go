package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openfaas-logmux/logmux/proxy"
)

// upstreams are counted by the names that they have in the config: those of
// addresses would come and go.
type upstreams struct {
	mu    sync.RWMutex // held while something is counted, or named changes
	named map[string]bool

	requests, failures *prometheus.CounterVec
	header, answer     *prometheus.HistogramVec
	lag                *prometheus.HistogramVec
	sums               []sum
}

// A sum grows by a number of each result.
type sum struct {
	*prometheus.CounterVec
	of func(*proxy.Result) int64
}

// lags are the buckets of the lag of live lines, in seconds. Below zero are those
// of a clock that is ahead.
var lags = []float64{-60, -10, -5, -1, 0, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300}

func newUpstreams() *upstreams {
	sumOf := func(name, help string, of func(*proxy.Result) int64) sum {
		return sum{counter(name, help, "upstream"), of}
	}
	return &upstreams{
		requests: counter("logmux_upstream_requests_total", "Log requests to an upstream by outcome and, of the failed, reason.", "upstream", "outcome", "reason"),
		failures: counter("logmux_upstream_follow_failures_total", "Failures of an upstream in follows, counted when they happen, by reason.", "upstream", "reason"),
		header:   histogram("logmux_upstream_header_duration_seconds", "Time until an upstream's answer began.", seconds, "upstream"),
		answer:   histogram("logmux_upstream_answer_duration_seconds", "Time until an upstream's answer to a bounded request ended, or failed; without those that the breaker refused.", seconds, "upstream"),
		lag:      histogram("logmux_upstream_lag_seconds", "Time from a live line's timestamp, by the upstream's clock, to its arrival, for one line of each block. Below zero if that clock is ahead.", lags, "upstream"),
		sums: []sum{
			sumOf("logmux_upstream_lines_total", "Lines of an upstream that passed the filters.", func(r *proxy.Result) int64 { return r.Stats.Lines }),
			sumOf("logmux_upstream_bytes_total", "Bytes read of an upstream's answers.", func(r *proxy.Result) int64 { return r.Stats.Bytes }),
			sumOf("logmux_upstream_malformed_lines_total", "Lines of an upstream that were no log message, or too long, and were wrapped.", func(r *proxy.Result) int64 { return r.Stats.Malformed }),
			sumOf("logmux_upstream_disordered_lines_total", "Lines of an upstream that is said to be ordered which came after a later one.", disorder),
			sumOf("logmux_upstream_late_lines_total", "Live lines that came after a later one was sent.", func(r *proxy.Result) int64 { return r.Late }),
			sumOf("logmux_upstream_repeated_lines_total", "Lines that an upstream sent again to a follow, and that were left out.", func(r *proxy.Result) int64 { return r.Suppressed }),
			sumOf("logmux_upstream_replayed_lines_total", "Lines that only a further request of a follow brought, older than what is remembered, and that were left out.", func(r *proxy.Result) int64 { return r.Replayed }),
			sumOf("logmux_upstream_follow_requests_total", "Requests to an upstream for the live lines of follows; more than one for each means reconnects or polls.", func(r *proxy.Result) int64 { return int64(r.Askings) }),
			sumOf("logmux_upstream_retries_total", "Requests to an upstream that were made again, before an answer began.", func(r *proxy.Result) int64 { return r.Retries }),
		},
	}
}

// disorder is nothing to count where no order was promised.
func disorder(r *proxy.Result) int64 {
	if !r.Ordered {
		return 0
	}
	return r.Stats.Disorder
}

// vectors are all that has series for each upstream.
func (u *upstreams) vectors() []*prometheus.MetricVec {
	all := []*prometheus.MetricVec{u.requests.MetricVec, u.failures.MetricVec, u.header.MetricVec, u.answer.MetricVec, u.lag.MetricVec}
	for _, s := range u.sums {
		all = append(all, s.MetricVec)
	}
	return all
}

func (u *upstreams) collectors() []prometheus.Collector {
	var all []prometheus.Collector
	for _, v := range u.vectors() {
		all = append(all, v)
	}
	return all
}

func (u *upstreams) configured(list []proxy.Upstream) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.named
	u.named = make(map[string]bool, len(list))
	for i := range list {
		name := list[i].Name
		u.named[name] = true
		if !before[name] {
			u.expect(name)
		}
	}
	for name := range before {
		if !u.named[name] {
			for _, v := range u.vectors() {
				v.DeletePartialMatch(prometheus.Labels{"upstream": name})
			}
		}
	}
}

// expect makes the series of an upstream begin at zero.
func (u *upstreams) expect(name string) {
	u.requests.WithLabelValues(name, string(proxy.OK), "")
	u.requests.WithLabelValues(name, string(proxy.Absent), "")
	for _, reason := range reasons {
		u.requests.WithLabelValues(name, string(proxy.Failed), label(reason))
		u.failures.WithLabelValues(name, label(reason))
	}
	for _, h := range []*prometheus.HistogramVec{u.header, u.answer, u.lag} {
		h.WithLabelValues(name)
	}
	for _, s := range u.sums {
		s.WithLabelValues(name)
	}
}

func (u *upstreams) ended(report *proxy.Report) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	for i := range report.Results {
		if r := &report.Results[i]; u.named[r.Configured] {
			u.count(r, report.Request.Follow)
		}
	}
}

func (u *upstreams) count(r *proxy.Result, follow bool) {
	reason := ""
	if r.Failure != nil {
		reason = label(r.Failure.Reason)
	}
	u.requests.WithLabelValues(r.Configured, string(r.Outcome), reason).Inc()
	if r.ToHeader > 0 {
		u.header.WithLabelValues(r.Configured).Observe(r.ToHeader.Seconds())
	}
	if !follow && reason != string(proxy.ReasonBreaker) {
		u.answer.WithLabelValues(r.Configured).Observe(r.Duration.Seconds())
	}
	for _, s := range u.sums {
		s.WithLabelValues(r.Configured).Add(float64(s.of(r)))
	}
}

func (u *upstreams) failing(_ proxy.Request, state proxy.Result) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if u.named[state.Configured] && state.Failure != nil {
		u.failures.WithLabelValues(state.Configured, label(state.Failure.Reason)).Inc()
	}
}

func (u *upstreams) arrived(upstream string, lag time.Duration) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if u.named[upstream] {
		u.lag.WithLabelValues(upstream).Observe(lag.Seconds())
	}
}
