package metrics

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/proxy"
)

// exposed is the page of the metrics.
func exposed(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	return w.Body.String()
}

// own are the samples of logmux itself, by name and labels, but for buckets.
func own(page string) map[string]string {
	samples := map[string]string{}
	for sample := range strings.Lines(page) {
		if strings.HasPrefix(sample, "logmux_") && !strings.Contains(sample, "_bucket") {
			name, value, _ := strings.Cut(strings.TrimSuffix(sample, "\n"), " ")
			samples[name] = value
		}
	}
	return samples
}

// reports are requests of every kind, over two upstreams.
func reports() []proxy.Report {
	refused := &proxy.Failure{Reason: proxy.ReasonDial, Err: errors.New("refused")}
	return []proxy.Report{
		{Status: 200, Duration: 500 * time.Millisecond, Results: []proxy.Result{
			{Upstream: "eu", Outcome: proxy.OK, ToHeader: 250 * time.Millisecond, Stats: line.Stats{Lines: 3, Bytes: 300, Malformed: 1, Disorder: 2}},
			{Upstream: "us", Outcome: proxy.OK, Ordered: true, ToHeader: 125 * time.Millisecond, Stats: line.Stats{Lines: 5, Bytes: 500, Disorder: 4}},
		}},
		{Status: 200, Duration: 250 * time.Millisecond, Results: []proxy.Result{
			{Upstream: "eu", Outcome: proxy.Failed, Failure: refused},
			{Upstream: "us", Outcome: proxy.OK, Ordered: true, ToHeader: 125 * time.Millisecond, Stats: line.Stats{Lines: 1, Bytes: 100}},
		}},
		{Status: 500, Results: []proxy.Result{
			{Upstream: "eu", Outcome: proxy.Absent},
			{Upstream: "us", Outcome: proxy.Absent},
		}},
		{Status: 422},
		{Status: 0},
	}
}

func TestCount(t *testing.T) {
	m := New("v1.2.3")
	for _, r := range reports() {
		m.Count(r)
	}
	got := own(exposed(t, m))
	want := map[string]string{
		`logmux_build_info{version="v1.2.3"}`: "1",

		`logmux_requests_total{status="200"}`: "2",
		`logmux_requests_total{status="500"}`: "1",
		`logmux_requests_total{status="422"}`: "1",
		`logmux_requests_total{status="0"}`:   "1",

		`logmux_request_duration_seconds_sum`:   "0.75",
		`logmux_request_duration_seconds_count`: "5",

		`logmux_upstream_requests_total{outcome="ok",reason="",upstream="eu"}`:         "1",
		`logmux_upstream_requests_total{outcome="ok",reason="",upstream="us"}`:         "2",
		`logmux_upstream_requests_total{outcome="failed",reason="dial",upstream="eu"}`: "1",
		`logmux_upstream_requests_total{outcome="absent",reason="",upstream="eu"}`:     "1",
		`logmux_upstream_requests_total{outcome="absent",reason="",upstream="us"}`:     "1",

		// Without an answer there is no time until one.
		`logmux_upstream_header_duration_seconds_sum{upstream="eu"}`:   "0.25",
		`logmux_upstream_header_duration_seconds_count{upstream="eu"}`: "1",
		`logmux_upstream_header_duration_seconds_sum{upstream="us"}`:   "0.25",
		`logmux_upstream_header_duration_seconds_count{upstream="us"}`: "2",

		`logmux_upstream_lines_total{upstream="eu"}`:           "3",
		`logmux_upstream_lines_total{upstream="us"}`:           "6",
		`logmux_upstream_bytes_total{upstream="eu"}`:           "300",
		`logmux_upstream_bytes_total{upstream="us"}`:           "600",
		`logmux_upstream_malformed_lines_total{upstream="eu"}`: "1",
		`logmux_upstream_malformed_lines_total{upstream="us"}`: "0",

		// Only of those that are said to be ordered.
		`logmux_upstream_disordered_lines_total{upstream="us"}`: "4",
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
}

func TestEveryMetricHasItsBuckets(t *testing.T) {
	m := New("")
	for _, r := range reports() {
		m.Count(r)
	}
	page := exposed(t, m)
	for _, want := range []string{
		`logmux_request_duration_seconds_bucket{le="0.001"} 3`,
		`logmux_request_duration_seconds_bucket{le="65.536"} 5`,
		`logmux_upstream_header_duration_seconds_bucket{upstream="us",le="0.256"} 2`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
}

func TestNamesAndHelpFollowTheConventions(t *testing.T) {
	m := New("v1.2.3")
	for _, r := range reports() {
		m.Count(r)
	}
	problems, err := promlint.New(strings.NewReader(exposed(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "logmux_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestRuntimeAndProcessAreCounted(t *testing.T) {
	page := exposed(t, New(""))
	for _, want := range []string{"\ngo_goroutines ", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains(page, want) {
			t.Errorf("no%s", strings.TrimSpace(want))
		}
	}
}
