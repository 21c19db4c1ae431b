package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long a test waits for what must come soon.
const limit = 10 * time.Second

// A daemon is a Server that runs.
type daemon struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
}

// start runs a server until the test ends.
func start(t *testing.T, s *Server) *daemon {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Metrics == nil {
		s.Metrics = answer("metrics")
	}
	s.WriteTimeout = limit
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(t.Context())
	d := &daemon{
		t:      t,
		url:    "http://" + l.Addr().String(),
		client: &http.Client{Transport: &http.Transport{}, Timeout: limit},
		stop:   stop,
		ended:  make(chan error, 1),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.ended <- s.Run(ctx, l)
	}()
	t.Cleanup(func() {
		stop()
		within(t, done)
		d.client.CloseIdleConnections()
	})
	return d
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(limit):
		t.Fatalf("not within %v", limit)
	}
	return v
}

// A reply is a response whose body was read.
type reply struct {
	code   int
	header http.Header
	body   string
	err    error // of the request, or of the body
}

func (d *daemon) do(method, path string) reply {
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

// begin sends a log request that a hanging handler takes.
func (d *daemon) begin(taken <-chan struct{}) <-chan reply {
	d.t.Helper()
	got := make(chan reply, 1)
	go func() { got <- d.do(http.MethodGet, "/system/logs?name=f") }()
	within(d.t, taken)
	return got
}

// drained waits until the server refuses new requests.
func (d *daemon) drained() {
	d.t.Helper()
	for start := time.Now(); d.do(http.MethodGet, "/readyz").code != http.StatusServiceUnavailable; {
		if time.Since(start) > limit {
			d.t.Fatal("still ready")
		}
	}
}

// hanging takes one request and answers once it is let go, or its context ends.
func hanging() (handler http.Handler, taken <-chan struct{}, letGo context.CancelFunc) {
	took := make(chan struct{}, 1)
	gone, letGo := context.WithCancel(context.Background())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		took <- struct{}{}
		select {
		case <-gone.Done():
			io.WriteString(w, "complete")
		case <-r.Context().Done():
		}
	}), took, letGo
}

func TestRoutes(t *testing.T) {
	d := start(t, &Server{Logs: answer("logs")})
	for _, tt := range []struct {
		method, path string
		code         int
		body, allow  string
	}{
		{"GET", "/system/logs?name=f", 200, "logs", ""},
		{"GET", "/healthz", 200, "ok\n", ""},
		{"HEAD", "/healthz", 200, "", ""},
		{"POST", "/healthz", 405, "only GET, HEAD is served here\n", "GET, HEAD"},
		{"GET", "/readyz", 200, "ok\n", ""},
		{"HEAD", "/readyz", 200, "", ""},
		{"PUT", "/readyz", 405, "only GET, HEAD is served here\n", "GET, HEAD"},
		{"GET", "/metrics", 200, "metrics", ""},
		{"HEAD", "/metrics", 405, "", "GET"},
		{"DELETE", "/metrics", 405, "only GET is served here\n", "GET"},
		{"GET", "/", 404, "404 page not found\n", ""},
		{"GET", "/system/logs/", 404, "404 page not found\n", ""},
	} {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			got := d.do(tt.method, tt.path)
			if got.err != nil || got.code != tt.code || got.body != tt.body || got.header.Get("Allow") != tt.allow {
				t.Errorf("got %+v, want %d %q Allow %q", got, tt.code, tt.body, tt.allow)
			}
		})
	}
}

func TestRequestsFinishWhileNewOnesAreRefused(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Server{Logs: logs, ShutdownTimeout: limit})
	running := d.begin(taken)
	d.stop()
	d.drained()

	if got := d.do(http.MethodGet, "/healthz"); got.code != http.StatusOK {
		t.Errorf("healthz: got %+v, want 200", got)
	}
	refused := d.do(http.MethodGet, "/system/logs?name=f")
	if refused.code != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
		t.Errorf("a new request: got %+v, want 503 with Retry-After", refused)
	}
	select {
	case err := <-d.ended:
		t.Fatalf("ended with a request under way: %v", err)
	default:
	}
	letGo()
	if got := within(t, running); got.err != nil || got.code != http.StatusOK || got.body != "complete" {
		t.Errorf("the running request: got %+v", got)
	}
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://")); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

func TestAHangingRequestIsCutOff(t *testing.T) {
	for _, timeout := range []time.Duration{0, 50 * time.Millisecond} {
		t.Run(timeout.String(), func(t *testing.T) {
			logs, taken, letGo := hanging()
			defer letGo()
			var log bytes.Buffer // read once Run has returned
			d := start(t, &Server{Logs: logs, ShutdownTimeout: timeout, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			running := d.begin(taken)
			d.stop()
			if err := within(t, d.ended); err != nil {
				t.Error(err)
			}
			within(t, running)
			for _, want := range []string{"msg=stopping requests=1", "level=WARN", "shutdown_timeout"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("no %q in the log:\n%s", want, &log)
				}
			}
		})
	}
}

// A client must not take what was cut off for a complete answer.
func TestACutOffRequestIsNoCleanAnswer(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Server{Logs: logs})
	running := d.begin(taken)
	d.stop()
	if got := within(t, running); got.err == nil && got.code == http.StatusOK {
		t.Errorf("got a clean 200 with %q", got.body)
	}
}

func TestStopsAtOnceWithNothingUnderWay(t *testing.T) {
	d := start(t, &Server{Logs: answer("logs"), ShutdownTimeout: time.Hour})
	d.do(http.MethodGet, "/system/logs?name=f")
	d.stop()
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
}

func TestAListenerThatBreaksIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := &Server{Logs: answer("logs"), Metrics: answer("metrics"), Logger: slog.New(slog.DiscardHandler)}
	if err := s.Run(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}
