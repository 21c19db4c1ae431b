package proxy_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// What is known of each kind of provider, as the config presets it.

func asFaasNetes(u *proxy.Upstream) { u.SinceSlack = 2 * time.Second }

func asFaasd(u *proxy.Upstream) {
	u.SinceSlack, u.Ordered, u.TailMode = 2*time.Second, true, proxy.TailAll
}

func asLoki(u *proxy.Upstream) {
	u.TailMode, u.MaxLimit, u.MaxLookback, u.HonoursInstance = proxy.TailOldest, 5000, 719*time.Hour, true
	u.FollowMode, u.PollInterval = proxy.FollowPoll, 300*time.Millisecond
}

func asLokiStream(u *proxy.Upstream) {
	asLoki(u)
	u.FollowMode = proxy.FollowStream
}

func asGeneric(u *proxy.Upstream) { u.SinceSlack = 2 * time.Second }

// defaultRetry is that of the config.
func defaultRetry(u *proxy.Upstream) {
	u.Retry = proxy.Retry{Max: 2, MinWait: 100 * time.Millisecond, MaxWait: time.Second}
}

func absentEvery(d time.Duration) option { return func(u *proxy.Upstream) { u.AbsentInterval = d } }
func pollEvery(d time.Duration) option   { return func(u *proxy.Upstream) { u.PollInterval = d } }
func required(u *proxy.Upstream)         { u.Required = true }
func inGroup(name string) option         { return func(u *proxy.Upstream) { u.ReplicaGroup = name } }
func overlapping(d time.Duration) option { return func(u *proxy.Upstream) { u.Overlap = d } }
func logged(instance, text string) sample.Line {
	return sample.Line{Instance: instance, Time: time.Now().Truncate(time.Microsecond), Text: text}
}

// A flaky provider can be cut off and come back at the same address.
type flaky struct {
	t       testing.TB
	handler http.Handler
	address string
	asked   atomic.Int64 // requests so far
	under   atomic.Int64 // requests under way

	mu      sync.Mutex
	server  *http.Server
	conns   map[net.Conn]struct{}
	midLine int // answers begun so far that are to break in their next line
	end     int // and that are to end before it
	begun   int
}

func serveFlaky(t testing.TB, name string, provider http.Handler, options ...option) (*flaky, proxy.Upstream) {
	t.Helper()
	f := &flaky{t: t, handler: provider, address: "127.0.0.1:0", conns: map[net.Conn]struct{}{}}
	f.up()
	t.Cleanup(f.down)
	return f, at(t, name, "http://"+f.address, options...)
}

// up starts the provider at its address.
func (f *flaky) up() {
	f.t.Helper()
	listener, err := net.Listen("tcp", f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.address = listener.Addr().String()
	f.server = &http.Server{Handler: f, ErrorLog: log.New(io.Discard, "", 0), ConnState: f.track}
	go f.server.Serve(listener)
}

// down refuses connections, and resets those there are.
func (f *flaky) down() {
	f.mu.Lock()
	server := f.server
	f.mu.Unlock()
	f.reset()
	server.Close()
}

// restart is down for a while.
func (f *flaky) restart(gone time.Duration) {
	f.down()
	time.Sleep(gone)
	f.up()
}

// reset breaks all connections.
func (f *flaky) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// breakMidLine breaks the answers under way in the middle of their next line.
func (f *flaky) breakMidLine() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.midLine = f.begun
}

// breakNext breaks the next answer in the middle of its first line.
func (f *flaky) breakNext() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.midLine = f.begun + 1
}

// endAnswers ends the answers under way, cleanly, before their next line.
func (f *flaky) endAnswers() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end = f.begun
}

func (f *flaky) track(conn net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch state {
	case http.StateNew:
		f.conns[conn] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(f.conns, conn)
	}
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	f.under.Add(1)
	defer f.under.Add(-1)
	f.mu.Lock()
	f.begun++
	number := f.begun
	f.mu.Unlock()
	f.handler.ServeHTTP(&flakyWriter{w, f, number}, r)
}

type flakyWriter struct {
	http.ResponseWriter
	of     *flaky
	number int
}

func (w *flakyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *flakyWriter) Write(p []byte) (int, error) {
	w.of.mu.Lock()
	midLine, end := w.number <= w.of.midLine, w.number <= w.of.end
	w.of.mu.Unlock()
	switch {
	case midLine:
		w.ResponseWriter.Write(p[:len(p)/2])
		http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	case end:
		return 0, io.ErrClosedPipe
	}
	return w.ResponseWriter.Write(p)
}
