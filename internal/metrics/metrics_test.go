package metrics_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/internal/metrics/metricstest"
	"github.com/openfaas-logmux/logmux/proxy"
)

// exposed is the page of the metrics.
func exposed(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// own are the samples of logmux itself, by name and labels.
func own(t *testing.T, m *metrics.Metrics) map[string]string {
	t.Helper()
	samples := map[string]string{}
	for sample := range strings.Lines(exposed(t, m)) {
		if strings.HasPrefix(sample, "logmux_") {
			name, value, _ := strings.Cut(strings.TrimSuffix(sample, "\n"), " ")
			samples[name] = value
		}
	}
	return samples
}

func TestActivityIsCounted(t *testing.T) {
	got := own(t, metricstest.Active())
	for name, want := range map[string]string{
		`logmux_build_info{version="v1.2.3"}`: "1",

		`logmux_requests_total{follow="false",status="200"}`: "4",
		`logmux_requests_total{follow="false",status="500"}`: "1",
		`logmux_requests_total{follow="false",status="422"}`: "1",
		`logmux_requests_total{follow="false",status="0"}`:   "1",
		`logmux_requests_total{follow="true",status="200"}`:  "1",
		`logmux_requests_total{follow="true",status="502"}`:  "0",

		`logmux_request_duration_seconds_sum{follow="false"}`:               "0.75",
		`logmux_request_duration_seconds_count{follow="false"}`:             "7",
		`logmux_request_duration_seconds_bucket{follow="false",le="0.005"}`: "5",
		`logmux_request_duration_seconds_bucket{follow="true",le="60"}`:     "1",

		`logmux_followers`:                "1",
		`logmux_requests_in_flight`:       "7",
		`logmux_requests_queued`:          "2",
		`logmux_requests_limit`:           "256",
		`logmux_memory_held_bytes`:        "1.048576e+06",
		`logmux_memory_limit_bytes`:       "1.073741824e+09",
		`logmux_spilled_bytes_total`:      "4096",
		`logmux_incomplete_answers_total`: "1",

		`logmux_config_last_reload_successful`: "0",

		`logmux_upstream_requests_total{outcome="ok",reason="",upstream="eu"}`:               "3",
		`logmux_upstream_requests_total{outcome="ok",reason="",upstream="us"}`:               "4",
		`logmux_upstream_requests_total{outcome="failed",reason="dial",upstream="eu"}`:       "1",
		`logmux_upstream_requests_total{outcome="failed",reason="breaker",upstream="eu"}`:    "1",
		`logmux_upstream_requests_total{outcome="failed",reason="status-4xx",upstream="eu"}`: "1",
		`logmux_upstream_requests_total{outcome="failed",reason="dial",upstream="us"}`:       "0",
		`logmux_upstream_requests_total{outcome="absent",reason="",upstream="us"}`:           "1",

		// Without an answer there is no time until one.
		`logmux_upstream_header_duration_seconds_sum{upstream="eu"}`:   "0.5",
		`logmux_upstream_header_duration_seconds_count{upstream="eu"}`: "2",

		// Of bounded requests, and not those that were refused at once.
		`logmux_upstream_answer_duration_seconds_sum{upstream="eu"}`:   "2.5",
		`logmux_upstream_answer_duration_seconds_count{upstream="eu"}`: "4",

		`logmux_upstream_lag_seconds_count{upstream="us"}`:            "3",
		`logmux_upstream_lag_seconds_bucket{upstream="us",le="-5"}`:   "0",
		`logmux_upstream_lag_seconds_bucket{upstream="us",le="-1"}`:   "1",
		`logmux_upstream_lag_seconds_bucket{upstream="us",le="0.5"}`:  "3",
		`logmux_upstream_lag_seconds_bucket{upstream="us",le="+Inf"}`: "3",

		`logmux_upstream_breakers_open{upstream="eu"}`: "1",
		`logmux_upstream_breakers_open{upstream="us"}`: "0",

		`logmux_upstream_lines_total{upstream="eu"}`:                               "13",
		`logmux_upstream_lines_total{upstream="us"}`:                               "8",
		`logmux_upstream_bytes_total{upstream="eu"}`:                               "1300",
		`logmux_upstream_malformed_lines_total{upstream="eu"}`:                     "1",
		`logmux_upstream_malformed_lines_total{upstream="us"}`:                     "0",
		`logmux_upstream_late_lines_total{upstream="eu"}`:                          "2",
		`logmux_upstream_repeated_lines_total{upstream="eu"}`:                      "3",
		`logmux_upstream_replayed_lines_total{upstream="eu"}`:                      "1",
		`logmux_upstream_follow_requests_total{upstream="eu"}`:                     "3",
		`logmux_upstream_follow_failures_total{reason="status-502",upstream="eu"}`: "2",
		`logmux_upstream_follow_failures_total{reason="status-502",upstream="us"}`: "0",
		`logmux_upstream_retries_total{upstream="eu"}`:                             "1",

		// Only of those that are said to be ordered.
		`logmux_upstream_disordered_lines_total{upstream="eu"}`: "0",
		`logmux_upstream_disordered_lines_total{upstream="us"}`: "4",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
}

// everyStatus has counted each number of three digits once, in a request and in a
// follow of eu.
func everyStatus() *metrics.Metrics {
	m := metrics.New("")
	h := &proxy.Handler{Upstreams: []proxy.Upstream{{Name: "eu"}}}
	m.Observe(h)
	for status := range 1000 {
		reason := proxy.Reason(fmt.Sprintf("status-%03d", status))
		result := proxy.Result{Configured: "eu", Outcome: proxy.Failed, Failure: &proxy.Failure{Reason: reason}}
		h.Failing(proxy.Request{}, result)
		h.Ended(proxy.Report{Status: 200, Results: []proxy.Result{result}})
	}
	return m
}

// An upstream may answer any status.
func TestLabelValuesAreBounded(t *testing.T) {
	before := metrics.New("")
	before.Observe(&proxy.Handler{Upstreams: []proxy.Upstream{{Name: "eu"}}})
	got := own(t, everyStatus())
	if more := len(got) - len(own(t, before)); more > 20 {
		t.Errorf("%d series more", more)
	}
	for reason, want := range map[string]string{"status-504": "1", "status-508": "1", "status-3xx": "99", "status-4xx": "98", "status-other": "500"} {
		name := `logmux_upstream_follow_failures_total{reason="` + reason + `",upstream="eu"}`
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", reason, got[name], want)
		}
	}
}

// series are those of an upstream.
func series(t *testing.T, m *metrics.Metrics, upstream string) (names []string) {
	t.Helper()
	for name := range own(t, m) {
		if strings.Contains(name, `upstream="`+upstream+`"`) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestSeriesOfAnUpstreamComeAndGo(t *testing.T) {
	m := metrics.New("")
	old := &proxy.Handler{Upstreams: []proxy.Upstream{{Name: "eu"}, {Name: "us"}}}
	m.Observe(old)
	if n := len(series(t, m, "us")); n == 0 {
		t.Fatal("no series begin at zero")
	}
	for name, value := range own(t, m) {
		if strings.Contains(name, "upstream=") && value != "0" {
			t.Errorf("%s begins at %s", name, value)
		}
	}
	counted := func(upstream string) proxy.Report {
		return proxy.Report{Status: 200, Results: []proxy.Result{{Upstream: upstream, Configured: upstream, Outcome: proxy.OK, ToHeader: 1, Duration: 1}}}
	}
	old.Ended(counted("eu"))

	renewed := &proxy.Handler{Upstreams: []proxy.Upstream{{Name: "asia"}, {Name: "eu"}}}
	m.Observe(renewed)
	if got, want := series(t, m, "asia"), series(t, m, "eu"); len(got) != len(want) {
		t.Errorf("of a new upstream there are %d series, want %d", len(got), len(want))
	}
	if got := own(t, m)[`logmux_upstream_requests_total{outcome="ok",reason="",upstream="eu"}`]; got != "1" {
		t.Errorf("what was counted of an upstream that stays: got %q, want 1", got)
	}
	// Requests at the handler before are still under way.
	old.Ended(counted("us"))
	old.Failing(proxy.Request{}, proxy.Result{Configured: "us", Failure: &proxy.Failure{Reason: proxy.ReasonDial}})
	old.Arrived("us", time.Second)
	old.Ended(counted("eu"))
	if got := series(t, m, "us"); len(got) > 0 {
		t.Errorf("of an upstream that is gone there are %q", got)
	}
	if got := own(t, m)[`logmux_upstream_requests_total{outcome="ok",reason="",upstream="eu"}`]; got != "2" {
		t.Errorf("what a handler before tells of an upstream that stays: got %q, want 2", got)
	}
}

func TestStateIsAskedForEachTime(t *testing.T) {
	m := metrics.New("")
	breakers := map[string]int{"eu": 2}
	m.Watch(func() metrics.State { return metrics.State{Queued: len(breakers), Breakers: breakers} })
	if got := own(t, m)[`logmux_upstream_breakers_open{upstream="eu"}`]; got != "2" {
		t.Errorf("got %q, want 2", got)
	}
	breakers = map[string]int{"us": 0, "asia": 0}
	got := own(t, m)
	want := map[string]string{`logmux_upstream_breakers_open{upstream="us"}`: "0", `logmux_upstream_breakers_open{upstream="asia"}`: "0"}
	maps.DeleteFunc(got, func(name, _ string) bool { return !strings.HasPrefix(name, "logmux_upstream") })
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReloads(t *testing.T) {
	m := metrics.New("")
	at := own(t, m)["logmux_config_last_reload_success_timestamp_seconds"]
	m.Reloaded(false)
	got := own(t, m)
	if got["logmux_config_last_reload_successful"] != "0" || got["logmux_config_last_reload_success_timestamp_seconds"] != at {
		t.Errorf("after one that failed: %v", got)
	}
	m.Reloaded(true)
	if got := own(t, m)["logmux_config_last_reload_successful"]; got != "1" {
		t.Errorf("after one that did not fail: %s", got)
	}
}

func TestCountingWhileTheConfigChanges(t *testing.T) {
	m := metrics.New("")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				h := &proxy.Handler{Upstreams: []proxy.Upstream{{Name: "eu"}}}
				m.Observe(h)
				metricstest.Follow(h)
				m.Observe(&proxy.Handler{Upstreams: []proxy.Upstream{{Name: "us"}}})
				metricstest.Follow(h)
			}
		})
	}
	group.Wait()
	if got := series(t, m, "eu"); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestNamesAndHelpFollowTheConventions(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(exposed(t, metricstest.Active()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestRuntimeAndProcessAreCounted(t *testing.T) {
	page := exposed(t, metrics.New(""))
	for _, want := range []string{"\ngo_goroutines ", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains(page, want) {
			t.Errorf("no%s", strings.TrimSpace(want))
		}
	}
}
