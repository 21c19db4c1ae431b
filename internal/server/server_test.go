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
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is how long a test waits for what must come soon.
const soon = 10 * time.Second

// A daemon is a Server that runs.
type daemon struct {
	*Server
	t       *testing.T
	address string
	url     string
	client  *http.Client
	stop    context.CancelFunc
	ended   chan error
}

// start serves a site until the test ends.
func start(t *testing.T, site *Site) *daemon {
	t.Helper()
	return startServer(t, &Server{}, site)
}

func startServer(t *testing.T, s *Server, site *Site) *daemon {
	t.Helper()
	l := listen(t)
	if s.Metrics == nil {
		s.Metrics = answer("metrics")
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if site != nil {
		s.Swap(site)
	}
	ctx, stop := context.WithCancel(t.Context())
	d := &daemon{
		Server:  s,
		t:       t,
		address: l.Addr().String(),
		url:     "http://" + l.Addr().String(),
		client:  &http.Client{Transport: &http.Transport{}, Timeout: soon},
		stop:    stop,
		ended:   make(chan error, 1),
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

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(soon):
		t.Fatalf("not within %v", soon)
	}
	return v
}

// eventually waits for what no channel tells.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for start := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(start) > soon {
			t.Fatalf("not within %v: %s", soon, what)
		}
	}
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
	return d.send(req)
}

func (d *daemon) get(path string) reply { return d.do(http.MethodGet, path) }

func (d *daemon) send(req *http.Request) reply {
	resp, err := d.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

// dial opens a connection for a client that is not as it should be.
func (d *daemon) dial() net.Conn {
	d.t.Helper()
	conn, err := net.DialTimeout("tcp", d.address, soon)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(soon))
	return conn
}

const logsPath = "/system/logs?name=f"

// begin sends a log request that a hanging handler takes.
func (d *daemon) begin(taken <-chan struct{}) <-chan reply {
	d.t.Helper()
	got := d.sendLogs()
	within(d.t, taken)
	return got
}

func (d *daemon) sendLogs() <-chan reply {
	got := make(chan reply, 1)
	go func() { got <- d.get(logsPath) }()
	return got
}

// drains waits until the server refuses new requests.
func (d *daemon) drains() {
	d.t.Helper()
	eventually(d.t, "the server drains", func() bool { return d.get("/readyz").code == http.StatusServiceUnavailable })
}

// hanging takes requests and answers them once they are let go, or their
// context ends.
func hanging() (handler http.Handler, taken <-chan struct{}, letGo context.CancelFunc) {
	took := make(chan struct{}, 1000)
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

// A journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestRequestsFinishWhileNewOnesAreRefused(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Logs: logs, Passthrough: answer("passed"), ShutdownTimeout: soon})
	running := d.begin(taken)
	d.stop()
	d.drains()

	if got := d.get("/healthz"); got.code != http.StatusOK {
		t.Errorf("healthz: got %+v, want 200", got)
	}
	for _, path := range []string{logsPath, "/system/functions"} {
		refused := d.get(path)
		if refused.code != http.StatusServiceUnavailable || refused.header.Get("Retry-After") != "5" {
			t.Errorf("%s: got %+v, want 503 with Retry-After", path, refused)
		}
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
	if conn, err := net.Dial("tcp", d.address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

func TestAShutdownWaitsForWhatIsPassedThrough(t *testing.T) {
	passthrough, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Passthrough: passthrough, ShutdownTimeout: soon})
	running := make(chan reply, 1)
	go func() { running <- d.do(http.MethodPost, "/function/f") }()
	within(t, taken)
	d.stop()
	d.drains()
	letGo()
	if got := within(t, running); got.err != nil || got.code != http.StatusOK || got.body != "complete" {
		t.Errorf("got %+v", got)
	}
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
}

func TestAShutdownAnswersThoseThatWait(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Logs: logs, MaxRequests: 1, MaxQueueWait: time.Hour, ShutdownTimeout: soon})
	running := d.begin(taken)
	waiting := d.sendLogs()
	eventually(t, "one waits", func() bool { _, n := d.underWay(); return n == 1 })
	d.stop()
	got := within(t, waiting)
	if got.code != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "5" || got.body != "logmux is shutting down\n" {
		t.Errorf("the one that waits: got %+v", got)
	}
	letGo()
	if got := within(t, running); got.body != "complete" {
		t.Errorf("the one that is served: got %+v", got)
	}
}

func TestAHangingRequestIsCutOff(t *testing.T) {
	for _, timeout := range []time.Duration{0, 50 * time.Millisecond} {
		t.Run(timeout.String(), func(t *testing.T) {
			logs, taken, letGo := hanging()
			defer letGo()
			var log journal
			d := startServer(t, &Server{Logger: log.logger()}, &Site{Logs: logs, ShutdownTimeout: timeout})
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
	d := start(t, &Site{Logs: logs})
	running := d.begin(taken)
	d.stop()
	if got := within(t, running); got.err == nil && got.code == http.StatusOK {
		t.Errorf("got a clean 200 with %q", got.body)
	}
}

func TestStopsAtOnceWithNothingUnderWay(t *testing.T) {
	d := start(t, &Site{Logs: answer("logs"), ShutdownTimeout: time.Hour})
	d.get(logsPath)
	d.stop()
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
}

func TestAListenerThatBreaksIsAnError(t *testing.T) {
	l := listen(t)
	l.Close()
	closed := false
	s := &Server{Metrics: answer("metrics"), Logger: slog.New(slog.DiscardHandler)}
	s.Swap(&Site{Logs: answer("logs"), Close: func() { closed = true }})
	if err := s.Run(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
	if !closed {
		t.Error("the site is not closed")
	}
}

func TestBeforeThereIsASite(t *testing.T) {
	d := startServer(t, &Server{}, nil)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, logsPath: 503, "/metrics": 503, "/": 503} {
		if got := d.get(path); got.code != want {
			t.Errorf("%s: got %+v, want %d", path, got, want)
		}
	}
	d.Swap(&Site{Logs: answer("logs")})
	for path, want := range map[string]int{"/readyz": 200, logsPath: 200, "/metrics": 200, "/": 404} {
		if got := d.get(path); got.code != want {
			t.Errorf("%s: got %+v, want %d", path, got, want)
		}
	}
}
