package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// limit is how long a test waits for what must come soon.
const limit = 10 * time.Second

func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(limit):
		t.Fatalf("not within %v: %s", limit, what)
	}
	return v
}

// A journal is stderr; it finds the address that is served on.
type journal struct {
	address chan string // gets it once

	mu   sync.Mutex
	text bytes.Buffer
}

var serving = regexp.MustCompile(`(?:msg=serving .*address=|"msg":"serving","address":")([^\s"]+)`)

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if m := serving.FindSubmatch(p); m != nil {
		j.address <- string(m[1])
	}
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// A process is `logmux serve` under way.
type process struct {
	t       *testing.T
	file    string
	url     string
	client  *http.Client
	sigterm context.CancelFunc
	exit    chan int
	stderr  *journal
}

// withConfig is a config that has no listen address of its own.
func withConfig(server, upstreams string) string {
	return fmt.Sprintf("server: {listen: '127.0.0.1:0'%s}\nupstreams:\n%s", server, upstreams)
}

// startServe runs it, with more flags if any.
func startServe(t *testing.T, server, upstreams string, flags ...string) *process {
	t.Helper()
	file := write(t, withConfig(server, upstreams))
	ctx, cancel := context.WithCancel(t.Context())
	d := &process{
		t:       t,
		file:    file,
		client:  &http.Client{Transport: &http.Transport{}, Timeout: limit},
		sigterm: cancel,
		exit:    make(chan int, 1),
		stderr:  &journal{address: make(chan string, 1)},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.exit <- run(ctx, append([]string{"serve", "--config", file}, flags...), io.Discard, d.stderr)
	}()
	t.Cleanup(func() {
		cancel()
		within(t, "the end of serve", done)
		d.client.CloseIdleConnections()
	})
	select {
	case address := <-d.stderr.address:
		d.url = "http://" + address
	case code := <-d.exit:
		t.Fatalf("exit code %d: %s", code, d.stderr)
	}
	return d
}

// A reply is a response whose body was read.
type reply struct {
	code   int
	header http.Header
	body   string
	err    error
}

func (d *process) do(method, path string) reply {
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, nil)
	if err != nil {
		return reply{err: err}
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

func (d *process) get(path string) reply { return d.do(http.MethodGet, path) }

// provider serves a sample provider until the test ends, and returns its
// entry in a config.
func provider(t *testing.T, name, kind string, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return fmt.Sprintf("  - {name: %s, url: %s, kind: %s}\n", name, s.URL, kind)
}

// hanging is a provider that takes one request and answers it when it is let go.
func hanging(t *testing.T) (entry string, asked <-chan struct{}, letGo context.CancelFunc) {
	took := make(chan struct{}, 1)
	gone, letGo := context.WithCancel(context.Background())
	t.Cleanup(letGo) // before the provider is closed, which waits for its requests
	entry = provider(t, "slow", "generic", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		took <- struct{}{}
		select {
		case <-gone.Done():
			io.WriteString(w, `{"name":"f","instance":"slow-1","timestamp":"2026-01-02T03:04:05Z","text":"late but there"}`+"\n")
		case <-r.Context().Done():
		}
	}))
	return entry, took, letGo
}

// begin sends a log request that a hanging provider takes.
func (d *process) begin(asked <-chan struct{}) <-chan reply {
	d.t.Helper()
	got := make(chan reply, 1)
	go func() { got <- d.get("/system/logs?name=f") }()
	within(d.t, "the request at the provider", asked)
	return got
}

func texts(t *testing.T, ndjson string) string {
	t.Helper()
	var all []string
	for decoder := json.NewDecoder(strings.NewReader(ndjson)); decoder.More(); {
		var m struct{ Text string }
		if err := decoder.Decode(&m); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSuffix(m.Text, "\n"))
	}
	return strings.Join(all, " ")
}

func TestServeMergesItsUpstreams(t *testing.T) {
	netes, journal, loki := new(sample.Store), new(sample.Store), new(sample.Store)
	start := time.Now().Add(-time.Minute)
	for i, at := range []struct {
		store    *sample.Store
		instance string
	}{{netes, "pod-a"}, {journal, "17"}, {loki, "east-1"}, {netes, "pod-b"}, {journal, "17"}, {netes, "pod-a"}, {loki, "east-2"}, {loki, "east-1"}} {
		at.store.Append("f", sample.Line{Instance: at.instance, Time: start.Add(time.Duration(i) * time.Second), Text: fmt.Sprint(i)})
	}
	d := startServe(t, "", provider(t, "west", "faas-netes", &sample.FaasNetes{Store: netes})+
		provider(t, "edge", "faasd", &sample.Faasd{Store: journal})+
		provider(t, "east", "openfaas-loki", &sample.Loki{Store: loki}))
	for _, tt := range []struct {
		query string
		code  int
		want  string
	}{
		{"name=f", 200, "0 1 2 3 4 5 6 7"},
		{"name=f&instance=pod-a", 200, "0 5"},
		{"name=f&since=" + start.Add(5*time.Second).UTC().Format(time.RFC3339Nano), 200, "5 6 7"},
		{"name=g", 200, ""}, // faasd and openfaas-loki say the same of a function they lack
	} {
		got := d.get("/system/logs?" + tt.query)
		if got.err != nil || got.code != tt.code {
			t.Errorf("%s: got %+v", tt.query, got)
			continue
		}
		if got := texts(t, got.body); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
	got := d.get("/system/logs?name=f")
	for name, want := range map[string]string{"Content-Type": "application/x-ndjson", "X-Logmux-Ok": "west,edge,east", "X-Logmux-Failed": ""} {
		if got.header.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.header.Get(name), want)
		}
	}
}

func TestServeCountsAndLogsAFailure(t *testing.T) {
	d := startServe(t, "", provider(t, "west", "generic", sample.Refuse(http.StatusUnauthorized, nil)(nil)))
	if got := d.get("/system/logs?name=f"); got.code != http.StatusBadGateway {
		t.Errorf("got %+v, want 502", got)
	}
	metrics := d.get("/metrics").body
	for _, want := range []string{
		`logmux_requests_total{follow="false",status="502"} 1`,
		`logmux_upstream_requests_total{outcome="failed",reason="auth",upstream="west"} 1`,
		`logmux_build_info{version="` + currentVersion() + `"} 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in /metrics", want)
		}
	}
	if want := "level=INFO msg=\"upstream failed\" upstream=west reason=auth"; !strings.Contains(d.stderr.String(), want) {
		t.Errorf("no %q in the log:\n%s", want, d.stderr)
	}
}

func TestServeRoutes(t *testing.T) {
	d := startServe(t, "", provider(t, "west", "faas-netes", &sample.FaasNetes{}))
	for _, tt := range []struct {
		method, path string
		code         int
		allow        string
	}{
		{"GET", "/healthz", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"GET", "/readyz", 200, ""},
		{"HEAD", "/readyz", 200, ""},
		{"POST", "/readyz", 405, "GET, HEAD"},
		{"GET", "/metrics", 200, ""},
		{"POST", "/metrics", 405, "GET"},
		{"POST", "/system/logs?name=f", 405, "GET"},
		{"DELETE", "/system/logs?name=f", 405, "GET"},
		{"GET", "/system/logs", 422, ""},
		{"GET", "/system/logs?name=f", 500, ""},
		{"GET", "/system/functions", 404, ""},
	} {
		got := d.do(tt.method, tt.path)
		if got.err != nil || got.code != tt.code || got.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %+v, want %d Allow %q", tt.method, tt.path, got, tt.code, tt.allow)
		}
	}
}

func TestSigtermLetsARequestFinish(t *testing.T) {
	entry, asked, letGo := hanging(t)
	d := startServe(t, "", entry)
	running := d.begin(asked)
	d.sigterm()
	for start := time.Now(); d.get("/readyz").code != http.StatusServiceUnavailable; {
		if time.Since(start) > limit {
			t.Fatal("still ready")
		}
	}
	if got := d.get("/healthz"); got.code != http.StatusOK {
		t.Errorf("healthz: got %+v", got)
	}
	if got := d.get("/system/logs?name=f"); got.code != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a new request: got %+v, want 503 with Retry-After", got)
	}
	letGo()
	if got := within(t, "the answer", running); got.err != nil || got.code != http.StatusOK || texts(t, got.body) != "late but there" {
		t.Errorf("the running request: got %+v", got)
	}
	if code := within(t, "the exit", d.exit); code != 0 {
		t.Errorf("exit code %d: %s", code, d.stderr)
	}
	if !strings.HasSuffix(d.stderr.String(), " level=INFO msg=stopped\n") {
		t.Errorf("it is not said last that it has stopped:\n%s", d.stderr)
	}
}

func TestShutdownTimeoutCutsOffWhatHangs(t *testing.T) {
	entry, asked, _ := hanging(t)
	d := startServe(t, ", shutdown_timeout: 50ms", entry)
	running := d.begin(asked)
	start := time.Now()
	d.sigterm()
	if code := within(t, "the exit", d.exit); code != 0 {
		t.Errorf("exit code %d: %s", code, d.stderr)
	}
	if took := time.Since(start); took < 50*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %v, want 50ms and a little", took)
	}
	if got := within(t, "the end of the request", running); strings.Contains(got.body, "late") {
		t.Errorf("got %+v", got)
	}
}
