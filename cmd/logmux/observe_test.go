package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// logged is what is written about a report, without the times.
func logged(t *testing.T, level string, r proxy.Report) string {
	t.Helper()
	var buf bytes.Buffer
	logRequest(newLogger(&buf, "text", level), &r)
	all := ""
	for line := range strings.Lines(buf.String()) {
		_, line, _ := strings.Cut(line, " ")
		all += line
	}
	return all
}

func TestLogOfARequest(t *testing.T) {
	refused := &proxy.Failure{Reason: proxy.ReasonDial, Err: errors.New("connection refused")}
	results := []proxy.Result{
		{Upstream: "eu", Outcome: proxy.OK, Stats: proxy.Stats{Lines: 3}},
		{Upstream: "us", Outcome: proxy.OK, Stats: proxy.Stats{Lines: 4}},
		{Upstream: "lab", Outcome: proxy.Absent},
		{Upstream: "edge/10.0.0.1", Configured: "edge", Outcome: proxy.Failed, Failure: refused, Duration: 1234567 * time.Nanosecond},
	}
	const (
		request = `level=DEBUG msg=request function=figlet namespace=dev follow=false status=200 duration=2s ok=2 absent=1 failed=1 lines=7` + "\n"
		failed  = `level=INFO msg="upstream failed" upstream=edge/10.0.0.1 reason=dial error="connection refused" lines=0 duration=1.235ms function=figlet namespace=dev` + "\n"
		missing = `level=WARN msg="lines are missing from an answer" function=figlet namespace=dev error="7 lines: full"` + "\n"
	)
	report := proxy.Report{Request: proxy.Request{Name: "figlet", Namespace: "dev"}, Status: 200, Duration: 2 * time.Second, Missing: errors.New("7 lines: full"), Results: results}
	follow := proxy.Report{Request: proxy.Request{Name: "figlet", Follow: true}, Status: 200, Results: results}
	for _, tt := range []struct {
		name, level string
		report      proxy.Report
		want        string
	}{
		{"debug", "debug", report, missing + failed + request},
		{"info", "info", report, missing + failed},
		{"warn", "warn", report, missing},
		{"error", "error", report, ""},
		{"the failures of a follow are told before", "debug", follow,
			"level=DEBUG msg=request function=figlet follow=true status=200 duration=0s ok=2 absent=1 failed=1 lines=7\n"},
		{"no upstream", "debug", proxy.Report{Status: 422}, "level=DEBUG msg=request function=\"\" follow=false status=422 duration=0s ok=0 absent=0 failed=0 lines=0\n"},
	} {
		if got := logged(t, tt.level, tt.report); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestDurationsOfJSONHaveAUnit(t *testing.T) {
	var buf bytes.Buffer
	newLogger(&buf, "json", "info").Info("m", "duration", 1500*time.Millisecond, slog.Group("g", "d", time.Second))
	var got struct {
		Level    slog.Level
		Duration string
		G        struct{ D string }
	}
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil || got.Duration != "1.5s" || got.G.D != "1s" {
		t.Errorf("got %s, %v", &buf, err)
	}
}

func TestLogFlags(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"--log-format", "yaml", `serve: invalid value "yaml" for flag -log-format: must be text or json`},
		{"--log-level", "INFO+1", `serve: invalid value "INFO+1" for flag -log-level: must be debug, info, warn or error`},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), []string{"serve", tt.flag, tt.value}, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s %s: exit code %d, %s", tt.flag, tt.value, code, &stderr)
		}
	}
}

func TestLogNamesTheCall(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	d := startServe(t, "", provider(t, "west", "generic", sample.Refuse(http.StatusBadGateway, nil)(nil)), "--log-format", "json", "--log-level", "debug")
	for _, query := range []string{"name=f&namespace=dev", "name=f&follow=true", "tail=many"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/system/logs?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Call-Id", "call "+query)
		req.Header.Set("Traceparent", trace)
		resp, err := d.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	d.sigterm()
	within(t, "the exit", d.exit)

	lines := map[string]int{}
	for text := range strings.Lines(d.stderr.String()) {
		var entry struct {
			Msg         string
			Call        string `json:"call_id"`
			Traceparent string
			Namespace   string
		}
		if err := json.Unmarshal([]byte(text), &entry); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if entry.Call == "" {
			continue
		}
		lines[entry.Msg+", "+entry.Call]++
		if entry.Traceparent != trace {
			t.Errorf("%s has the traceparent %q", text, entry.Traceparent)
		}
	}
	for _, want := range []string{
		"request, call name=f&namespace=dev", "upstream failed, call name=f&namespace=dev",
		"request, call name=f&follow=true", "upstream failed in a follow, call name=f&follow=true",
		"request, call tail=many",
	} {
		if lines[want] != 1 {
			t.Errorf("%d lines of %s in\n%s", lines[want], want, d.stderr)
		}
	}
}

func TestSecretsAreNowhere(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusing := httptest.NewServer(sample.Refuse(http.StatusUnauthorized, nil)(nil))
	defer refusing.Close()
	gone := "127.0.0.1:1"
	d := startServe(t, "", fmt.Sprintf(`  - {name: a, url: "http://user:secret-password@%s"}
  - {name: b, url: "http://user:secret-password@%s"}
  - {name: c, url: "%s", auth: {token_file: %s}, headers: {X-Key: secret-header}}
  - {name: d, url: "http://%s", auth: {forward: true}}
`, refusing.Listener.Addr(), gone, refusing.URL, token, gone), "--log-level", "debug")
	for _, follow := range []string{"false", "true"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/system/logs?name=f&follow="+follow, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer secret-of-the-client")
		req.Header.Set("Cookie", "session=secret-cookie")
		resp, err := d.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil || strings.Contains(string(body), "secret-") {
			t.Errorf("the answer is %s, %v", body, err)
		}
	}
	page := d.get("/metrics").body
	d.sigterm()
	within(t, "the exit", d.exit)
	if log := d.stderr.String(); strings.Contains(log, "secret-") || strings.Count(log, "reason=") != 8 {
		t.Errorf("the log is\n%s", log)
	}
	if strings.Contains(page, "secret-") {
		t.Error("a secret is among the metrics")
	}
}

// metric is the value of a series, empty if there is none.
func (d *process) metric(series string) string {
	for text := range strings.Lines(d.get("/metrics").body) {
		if value, ok := strings.CutPrefix(text, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (d *process) wantMetrics(want map[string]string) {
	d.t.Helper()
	for series, value := range want {
		if got := d.metric(series); got != value {
			d.t.Errorf("%s: got %q, want %q", series, got, value)
		}
	}
}

func TestMetricsGoWithTheConfig(t *testing.T) {
	down := "  - {name: down, url: 'http://127.0.0.1:1', retry: {max: 0}, breaker: {failures: 2, open_for: 1h}}\n"
	up := provider(t, "up", "faas-netes", &sample.FaasNetes{})
	d := startServe(t, ", reload_endpoint: true, max_requests: 5, memory_limit: 1MiB", down+up)
	for range 3 {
		d.get("/system/logs?name=f")
	}
	d.wantMetrics(map[string]string{
		`logmux_upstream_requests_total{outcome="failed",reason="dial",upstream="down"}`:    "2",
		`logmux_upstream_requests_total{outcome="failed",reason="breaker",upstream="down"}`: "1",
		`logmux_upstream_requests_total{outcome="absent",reason="",upstream="up"}`:          "3",
		`logmux_upstream_breakers_open{upstream="down"}`:                                    "1",
		`logmux_upstream_breakers_open{upstream="up"}`:                                      "0",
		`logmux_requests_in_flight`:                                                         "0",
		`logmux_requests_queued`:                                                            "0",
		`logmux_requests_limit`:                                                             "5",
		`logmux_memory_held_bytes`:                                                          "0",
		`logmux_memory_limit_bytes`:                                                         "1.048576e+06",
	})
	reload := func(upstreams string) {
		t.Helper()
		if err := os.WriteFile(d.file, []byte(withConfig(", reload_endpoint: true, max_requests: 6, memory_limit: 2MiB", upstreams)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := d.do(http.MethodPost, "/-/reload"); got.code != http.StatusOK {
			t.Fatalf("%+v", got)
		}
	}
	reload(down + "  - {name: new, url: 'http://127.0.0.1:1'}\n")
	d.wantMetrics(map[string]string{
		`logmux_upstream_requests_total{outcome="failed",reason="dial",upstream="down"}`: "2",
		`logmux_upstream_requests_total{outcome="failed",reason="dial",upstream="new"}`:  "0",
		`logmux_upstream_breakers_open{upstream="down"}`:                                 "0", // it is another one
		`logmux_upstream_breakers_open{upstream="new"}`:                                  "0",
		`logmux_requests_limit`:     "6",
		`logmux_memory_limit_bytes`: "2.097152e+06",
	})
	if page := d.get("/metrics").body; strings.Contains(page, `upstream="up"`) {
		t.Error("there are series of an upstream that is gone")
	}
	reload(up)
	d.wantMetrics(map[string]string{`logmux_upstream_requests_total{outcome="absent",reason="",upstream="up"}`: "0"})
	if page := d.get("/metrics").body; strings.Contains(page, `upstream="down"`) {
		t.Error("there are series of an upstream that is gone")
	}
}

func TestMetricsOfAFollowUnderWay(t *testing.T) {
	store := new(sample.Store)
	store.Append("f", sample.Line{Instance: "pod-a", Time: time.Now().Add(-time.Second), Text: "before"})
	d := startServe(t, "", provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store}))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/system/logs?name=f&follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	const arrived = `logmux_upstream_lag_seconds_count{upstream="west"}`
	for start := time.Now(); d.metric(arrived) == "0"; time.Sleep(10 * time.Millisecond) {
		store.Append("f", sample.Line{Instance: "pod-a", Time: time.Now(), Text: "live"})
		if time.Since(start) > limit {
			t.Fatal("no live line arrives")
		}
	}
	d.wantMetrics(map[string]string{`logmux_followers`: "1", `logmux_requests_in_flight`: "1"})
	leave()
	for start := time.Now(); d.metric("logmux_followers") != "0"; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > limit {
			t.Fatal("the follower does not leave")
		}
	}
}
