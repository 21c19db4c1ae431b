// Package metricstest has what makes every metric appear, for tests of what is
// written about them: a page, dashboards, alerts.
package metricstest

import (
	"errors"
	"time"

	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/proxy"
)

// Version is that of the instance.
const Version = "v1.2.3"

// New returns metrics of an instance with the upstreams eu and us, which is ordered,
// and the handler that tells them of what it does. Nothing has happened yet.
func New() (*metrics.Metrics, *proxy.Handler) {
	m := metrics.New(Version)
	h := &proxy.Handler{Upstreams: []proxy.Upstream{{Name: "eu"}, {Name: "us", Ordered: true}}}
	m.Observe(h)
	m.Watch(func() metrics.State {
		return metrics.State{
			Serving: 7, Queued: 2, MaxRequests: 256, Held: 1 << 20, MemoryLimit: 1 << 30,
			Breakers: map[string]int{"eu": 1, "us": 0},
		}
	})
	return m, h
}

// Serve tells of requests and follows of every kind. Of the follows one goes on. eu
// is down now and then.
func Serve(h *proxy.Handler) {
	for _, r := range bounded() {
		h.Began(r.Request)
		h.Ended(r)
	}
	for _, r := range follows() {
		h.Began(r.Request)
	}
	Follow(h)
	for _, r := range follows() {
		h.Ended(r)
	}
	h.Began(proxy.Request{Name: "figlet", Follow: true})
}

// Active returns metrics of an instance that has served, and whose last reload failed.
func Active() *metrics.Metrics {
	m, h := New()
	Serve(h)
	m.Reloaded(false)
	return m
}

// Follow tells of what happens in a follow of eu and us: lines arrive, some from a
// clock that is ahead, and eu breaks.
func Follow(h *proxy.Handler) {
	for _, lag := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, -2 * time.Second} {
		h.Arrived("us", lag)
	}
	h.Failing(proxy.Request{Name: "figlet", Follow: true}, broken())
	h.Failing(proxy.Request{Name: "figlet", Follow: true}, broken())
}

func broken() proxy.Result {
	return proxy.Result{Upstream: "eu/10.0.0.1", Configured: "eu", Outcome: proxy.Failed, Failure: failure("status-502")}
}

func failure(reason proxy.Reason) *proxy.Failure {
	return &proxy.Failure{Reason: reason, Err: errors.New("of a test")}
}

// failedBy is a result of eu.
func failedBy(reason proxy.Reason) proxy.Result {
	return proxy.Result{Upstream: "eu", Configured: "eu", Outcome: proxy.Failed, Failure: failure(reason), Duration: time.Second}
}

func bounded() []proxy.Report {
	us := proxy.Result{Upstream: "us", Configured: "us", Outcome: proxy.OK, Ordered: true, ToHeader: 125 * time.Millisecond,
		Duration: 250 * time.Millisecond, Stats: proxy.Stats{Lines: 1, Bytes: 100}}
	r := proxy.Request{Name: "figlet"}
	return []proxy.Report{
		{Request: r, Status: 200, Duration: 500 * time.Millisecond, Results: []proxy.Result{
			{Upstream: "eu", Configured: "eu", Outcome: proxy.OK, ToHeader: 250 * time.Millisecond, Duration: 500 * time.Millisecond, Retries: 1,
				Stats: proxy.Stats{Lines: 3, Bytes: 300, Malformed: 1, Disorder: 2}},
			{Upstream: "us", Configured: "us", Outcome: proxy.OK, Ordered: true, ToHeader: 125 * time.Millisecond, Duration: 250 * time.Millisecond,
				Stats: proxy.Stats{Lines: 5, Bytes: 500, Disorder: 4}},
		}},
		{Request: r, Status: 200, Duration: 250 * time.Millisecond, Results: []proxy.Result{failedBy(proxy.ReasonDial), us}},
		{Request: r, Status: 200, Results: []proxy.Result{failedBy(proxy.ReasonBreaker), us}},
		{Request: r, Status: 200, Results: []proxy.Result{failedBy("status-418"), us}, Spilled: 4096, Missing: errors.New("7 lines: the disk is full")},
		{Request: r, Status: 500, Results: []proxy.Result{
			{Upstream: "eu", Configured: "eu", Outcome: proxy.Absent},
			{Upstream: "us", Configured: "us", Outcome: proxy.Absent, Ordered: true},
		}},
		{Request: proxy.Request{}, Status: 422},
		{Request: r, Status: 0},
	}
}

func follows() []proxy.Report {
	return []proxy.Report{{Request: proxy.Request{Name: "figlet", Follow: true}, Status: 200, Duration: 55 * time.Second, Results: []proxy.Result{
		{Upstream: "eu/10.0.0.1", Configured: "eu", Outcome: proxy.OK, Askings: 2, Suppressed: 3, Replayed: 1, Late: 2,
			ToHeader: 250 * time.Millisecond, Duration: 55 * time.Second, Stats: proxy.Stats{Lines: 10, Bytes: 1000}},
		{Upstream: "eu/10.0.0.2", Configured: "eu", Outcome: proxy.OK, Askings: 1, Duration: 55 * time.Second},
	}}}
}
