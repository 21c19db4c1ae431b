package monitoring_test

import (
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// rules are the alerts by their names.
func rules(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.Parse(read(t, "deploy/prometheus/alerts.yaml"), false, model.UTF8Validation, language, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	all := map[string]rulefmt.Rule{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if _, twice := all[r.Alert]; twice {
				t.Errorf("%s is there twice", r.Alert)
			}
			all[r.Alert] = r
		}
	}
	return all
}

// page is that of the runbooks.
const page = "docs/metrics.md"

var heading = regexp.MustCompile(`(?m)^### (Logmux\w+)$`)

func TestAlerts(t *testing.T) {
	db := exposed(t)
	all := rules(t)
	for name, r := range all {
		db.names(t, r.Expr)
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) || len(r.Labels) != 1 {
			t.Errorf("%s has the labels %v", name, r.Labels)
		}
		want := "https://github.com/openfaas-logmux/logmux/blob/main/" + page + "#" + strings.ToLower(name)
		if got := r.Annotations["runbook_url"]; got != want {
			t.Errorf("%s: the runbook is %s, want %s", name, got, want)
		}
		for _, annotation := range []string{"summary", "description"} {
			if r.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", name, annotation)
			}
		}
	}
	var onPage []string
	for _, m := range heading.FindAllStringSubmatch(string(read(t, page)), -1) {
		onPage = append(onPage, m[1])
	}
	slices.Sort(onPage)
	if names := slices.Sorted(maps.Keys(all)); !slices.Equal(onPage, names) {
		t.Errorf("%s has\n%q, and the alerts are\n%q", page, onPage, names)
	}
}

// An alertCase is an alert over series of one hour.
type alertCase struct {
	name  string
	alert string
	// series are as promtool's: a value each minute.
	series []string
	// firing is the first minute in which it fires, never if 0; what it is about,
	// and its summary then.
	firing  int
	labels  string
	summary string
}

var alertCases = []alertCase{
	{"an instance that is down", "LogmuxInstanceDown",
		[]string{`up{job="pods",instance="a"} 1x9 0x50`, `logmux_build_info{job="pods",instance="a"} 1x9 stale`,
			`up{job="pods",instance="b"} 1x60`, `logmux_build_info{job="pods",instance="b"} 1x60`, `up{job="gateway",instance="c"} 0x60`},
		15, `{instance="a", job="pods"}`, "logmux at a is down"},
	{"a restart", "LogmuxInstanceDown", []string{`up{job="logmux",instance="a"} 1x9 0x3 1x40`, `logmux_build_info{job="logmux",instance="a"} 1x60`}, 0, "", ""},
	{"all are down", "LogmuxDown", []string{`up{job="logmux",instance="a"} 1x9 0x50`, `logmux_build_info{job="logmux",instance="a"} 1x9 stale`}, 12, `{}`, "No logmux is up"},
	{"none is there", "LogmuxDown", []string{`up{job="gateway",instance="c"} 1x60`}, 2, `{}`, "No logmux is up"},
	{"one is left", "LogmuxDown", []string{`up{job="logmux",instance="a"} 0x60`, `logmux_build_info{job="logmux",instance="b"} 1x60`}, 0, "", ""},

	{"one of two upstreams fails", "LogmuxAllUpstreamsFailing", []string{
		`logmux_upstream_requests_total{job="l",upstream="eu",outcome="failed",reason="dial"} 0+1x60`,
		`logmux_upstream_requests_total{job="l",upstream="us",outcome="ok",reason=""} 0+1x60`}, 0, "", ""},
	{"an absent function", "LogmuxAllUpstreamsFailing", []string{
		`logmux_upstream_requests_total{job="l",upstream="eu",outcome="failed",reason="dial"} 0+1x60`,
		`logmux_upstream_requests_total{job="l",upstream="us",outcome="absent",reason=""} 0+1x60`}, 0, "", ""},
	{"both fail", "LogmuxAllUpstreamsFailing", []string{
		`logmux_upstream_requests_total{job="l",upstream="eu",outcome="failed",reason="dial"} 0x20 1+1x40`,
		`logmux_upstream_requests_total{job="l",upstream="us",outcome="failed",reason="tls"} 0x20 1+1x40`,
		`logmux_upstream_requests_total{job="l",upstream="us",outcome="ok",reason=""} 0+1x20 20x40`},
		26, `{job="l"}`, "All upstreams of l fail"},
	{"no requests", "LogmuxAllUpstreamsFailing", []string{`logmux_upstream_requests_total{job="l",upstream="eu",outcome="failed",reason="dial"} 5x60`}, 0, "", ""},

	{"a quarter fails", "LogmuxUpstreamFailing", []string{
		`logmux_upstream_requests_total{job="l",instance="a",upstream="eu",outcome="failed",reason="dial"} 0+1x60`,
		`logmux_upstream_requests_total{job="l",instance="b",upstream="eu",outcome="ok",reason=""} 0+3x60`,
		`logmux_upstream_requests_total{job="l",instance="a",upstream="us",outcome="ok",reason=""} 0+3x60`},
		11, `{job="l", upstream="eu"}`, "Upstream eu fails 25% of its requests"},
	{"one in twenty fails", "LogmuxUpstreamFailing", []string{
		`logmux_upstream_requests_total{job="l",upstream="eu",outcome="failed",reason="dial"} 0+1x60`,
		`logmux_upstream_requests_total{job="l",upstream="eu",outcome="ok",reason=""} 0+19x60`}, 0, "", ""},

	{"open, tried, open again", "LogmuxBreakerOpen", []string{`logmux_upstream_breakers_open{job="l",instance="a",upstream="eu"} 0x9 1 0 1 0 0 1 0 1 1 0 1 0x40`},
		15, `{job="l", upstream="eu"}`, "Upstream eu is down and mostly not asked"},
	{"open once", "LogmuxBreakerOpen", []string{`logmux_upstream_breakers_open{job="l",instance="a",upstream="eu"} 0x9 1 0x50`}, 0, "", ""},

	{"a clock ahead", "LogmuxClockAhead", lags("-10", "-5"), 16, `{job="l", upstream="eu"}`, "The clock of upstream eu is 7.5s ahead"},
	{"a clock that is right", "LogmuxClockAhead", lags("0.1", "0.5"), 0, "", ""},
	{"a delay", "LogmuxLinesDelayed", lags("30", "60"), 16, `{job="l", upstream="eu"}`, "Live lines of upstream eu come 45s late"},
	{"no delay", "LogmuxLinesDelayed", lags("0.1", "0.5"), 0, "", ""},
	{"no live lines", "LogmuxLinesDelayed", []string{`logmux_upstream_lag_seconds_bucket{job="l",upstream="eu",le="+Inf"} 0x60`}, 0, "", ""},

	{"requests fail", "LogmuxRequestsFailing", []string{
		`logmux_requests_total{job="l",instance="a",follow="false",status="502"} 0+1x60`,
		`logmux_requests_total{job="l",instance="a",follow="true",status="200"} 0+9x60`},
		11, `{job="l"}`, "10% of the log requests fail"},
	{"a missing function is no failure", "LogmuxRequestsFailing", []string{
		`logmux_requests_total{job="l",instance="a",follow="false",status="502"} 0x60`,
		`logmux_requests_total{job="l",instance="a",follow="true",status="500"} 0+9x60`}, 0, "", ""},

	{"a full queue", "LogmuxRequestsQueued", []string{`logmux_requests_queued{job="l",instance="a"} 0x9 3x50`}, 15, `{instance="a", job="l"}`, "Requests wait for their turn at a"},
	{"a burst", "LogmuxRequestsQueued", []string{`logmux_requests_queued{job="l",instance="a"} 0x9 3x3 0x40`}, 0, "", ""},

	{"a queue that is too long", "LogmuxRequestsRefused", []string{`logmux_requests_refused_total{job="l",instance="a"} 0x9 1+1x50`}, 15, `{instance="a", job="l"}`, "logmux at a turns requests away"},
	{"one too many", "LogmuxRequestsRefused", []string{`logmux_requests_refused_total{job="l",instance="a"} 0x9 1x50`}, 0, "", ""},

	{"lines missing", "LogmuxLinesMissing", []string{`logmux_incomplete_answers_total{job="l",instance="a"} 0x9 1x50`}, 10, `{instance="a", job="l"}`, "Answers of a lack lines that had arrived"},
	{"an old answer", "LogmuxLinesMissing", []string{`logmux_incomplete_answers_total{job="l",instance="a"} 1x60`}, 0, "", ""},

	{"spilling", "LogmuxSpilling", []string{`logmux_spilled_bytes_total{job="l",instance="a"} 0+61440x60`}, 31, `{instance="a", job="l"}`, "logmux at a writes lines to files"},
	{"spilled once", "LogmuxSpilling", []string{`logmux_spilled_bytes_total{job="l",instance="a"} 0x9 5000x50`}, 0, "", ""},

	{"a wrong file", "LogmuxConfigReloadFailed", []string{`logmux_config_last_reload_successful{job="l",instance="a"} 1x9 0x50`}, 11, `{instance="a", job="l"}`, "logmux at a did not take its new config"},
}

// lags are the buckets of lines that come between two times after they were logged.
func lags(above, upTo string) []string {
	return []string{
		`logmux_upstream_lag_seconds_bucket{job="l",instance="a",upstream="eu",le="` + above + `"} 0x60`,
		`logmux_upstream_lag_seconds_bucket{job="l",instance="a",upstream="eu",le="` + upTo + `"} 0+1x60`,
		`logmux_upstream_lag_seconds_bucket{job="l",instance="a",upstream="eu",le="+Inf"} 0+1x60`,
	}
}

func TestAlertsFire(t *testing.T) {
	all := rules(t)
	tested := map[string]bool{}
	for _, tt := range alertCases {
		t.Run(tt.alert+"/"+tt.name, func(t *testing.T) {
			r, ok := all[tt.alert]
			if !ok {
				t.Fatal("there is no such alert")
			}
			if tt.firing > 0 {
				tested[tt.alert] = true
			}
			var db database
			for _, s := range tt.series {
				db.add(t, s)
			}
			minute, sample := firing(t, db, r)
			if minute != tt.firing {
				t.Fatalf("it fires in minute %d, want %d", minute, tt.firing)
			}
			if minute == 0 {
				return
			}
			if got := sample.Metric.String(); got != tt.labels {
				t.Errorf("it is about %s, want %s", got, tt.labels)
			}
			if got := expanded(t, r.Annotations["summary"], sample); got != tt.summary {
				t.Errorf("its summary is %q, want %q", got, tt.summary)
			}
			if got := expanded(t, r.Annotations["description"], sample); strings.Contains(got, "no value") || strings.Contains(got, "{{") {
				t.Errorf("its description is %q", got)
			}
		})
	}
	for name := range all {
		if !tested[name] {
			t.Errorf("no case has %s fire", name)
		}
	}
}

// firing is the first minute in which the alert fires, if any, and what for.
func firing(t *testing.T, db database, r rulefmt.Rule) (minute int, of promql.Sample) {
	t.Helper()
	since := map[string]int{}
	for minute := range 60 {
		pending := map[string]int{}
		for _, s := range db.query(t, r.Expr, time.Duration(minute)*time.Minute) {
			key := s.Metric.String()
			pending[key] = minute
			if at, ok := since[key]; ok {
				pending[key] = at
			}
			if time.Duration(minute-pending[key])*time.Minute >= time.Duration(r.For) {
				s.Metric = labels.NewBuilder(s.Metric).Del(model.MetricNameLabel).Labels()
				return minute, s
			}
		}
		since = pending
	}
	return 0, of
}

func expanded(t *testing.T, text string, of promql.Sample) string {
	t.Helper()
	data := template.AlertTemplateData(of.Metric.Map(), nil, "", of)
	const defs = "{{$labels := .Labels}}{{$value := .Value}}"
	got, err := template.NewTemplateExpander(t.Context(), defs+text, "annotation", data, 0, nil, nil, []string{"missingkey=error"}).Expand()
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return got
}
