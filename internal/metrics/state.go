package metrics

import "github.com/prometheus/client_golang/prometheus"

// A State is what an instance does at one moment, under the config that is in use.
type State struct {
	Serving, Queued int            // log requests
	Refused         int64          // log requests since the beginning, for there were too many
	MaxRequests     int            // that are served at once
	Held            int64          // bytes of lines in memory
	MemoryLimit     int64          // bytes of lines, past which they are spilled
	Breakers        map[string]int // how many are open, by the upstreams that have any
}

// state collects a State when the metrics are wanted: it is not kept up to date
// meanwhile, and a config that was replaced takes its breakers with it.
type state struct{ ask func() State }

// gauges are of one value each.
var gauges = []struct {
	desc *prometheus.Desc
	of   func(State) float64
}{
	{desc("logmux_requests_in_flight", "Log requests that are served now, follows included."), func(s State) float64 { return float64(s.Serving) }},
	{desc("logmux_requests_queued", "Log requests that wait to be served."), func(s State) float64 { return float64(s.Queued) }},
	{desc("logmux_requests_limit", "Log requests that are served at once at most: server.max_requests."), func(s State) float64 { return float64(s.MaxRequests) }},
	{desc("logmux_memory_held_bytes", "Bytes of lines that requests hold to sort them."), func(s State) float64 { return float64(s.Held) }},
	{desc("logmux_memory_limit_bytes", "Bytes of lines past which they are spilled: server.memory_limit."), func(s State) float64 { return float64(s.MemoryLimit) }},
}

var (
	refused      = desc("logmux_requests_refused_total", "Log requests that were answered 503 because there were too many at once.")
	breakersOpen = desc("logmux_upstream_breakers_open", "Breakers of an upstream that are open: 0 or 1, or at most the number of its addresses.", "upstream")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func (*state) Describe(to chan<- *prometheus.Desc) {
	for _, g := range gauges {
		to <- g.desc
	}
	to <- refused
	to <- breakersOpen
}

func (s *state) Collect(to chan<- prometheus.Metric) {
	now := s.ask()
	for _, g := range gauges {
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.of(now))
	}
	to <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(now.Refused))
	for upstream, open := range now.Breakers {
		to <- prometheus.MustNewConstMetric(breakersOpen, prometheus.GaugeValue, float64(open), upstream)
	}
}
