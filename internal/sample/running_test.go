package sample

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
)

// A running answer is one that a synctest bubble reads while its provider writes.
type running struct {
	t      *testing.T
	leave  context.CancelFunc
	header http.Header

	mu          sync.Mutex
	body        bytes.Buffer
	sent, ended bool // the header, the whole answer
}

func (r *running) Header() http.Header { return r.header }
func (r *running) WriteHeader(int)     {}

func (r *running) Flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = true
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.body.Write(p)
}

// start runs a request until it waits.
func start(t *testing.T, handler http.Handler, query string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	answer := &running{t: t, leave: cancel, header: make(http.Header)}
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/system/logs?"+query, nil)
	go func() {
		handler.ServeHTTP(answer, request)
		answer.mu.Lock()
		defer answer.mu.Unlock()
		answer.ended = true
	}()
	synctest.Wait()
	return answer
}

// take returns what came since the last time.
func (r *running) take() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.body.Reset()
	return r.body.String()
}

// expect holds the texts that came since the last time against want.
func (r *running) expect(want string) {
	r.t.Helper()
	if got := texts(r.t, r.take()); got != want {
		r.t.Errorf("got %q, want %q", got, want)
	}
}

func (r *running) over() bool {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// end lets the client leave, and checks that the provider does not stay.
func (r *running) end() {
	r.t.Helper()
	if r.over() {
		r.t.Error("ended before the client left")
	}
	r.leave()
	if !r.over() {
		r.t.Error("still running after the client left")
	}
}
