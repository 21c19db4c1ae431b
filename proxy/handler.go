package proxy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openfaas-logmux/logmux/merge"
)

// A Handler serves GET /system/logs from several upstreams. Its fields must not
// be changed once it serves; only Upstreams is required.
type Handler struct {
	// Upstreams are asked, all at once. Their order is that of lines with
	// equal timestamps.
	Upstreams []Upstream

	// Timeout bounds a bounded request at the upstreams. What has arrived by
	// then is sent, and the late ones have failed. If zero, 30 s.
	Timeout time.Duration

	// BacklogTimeout bounds the historic part of a follow. An upstream that is
	// late with it joins live. If zero, 10 s.
	BacklogTimeout time.Duration

	// FollowTimeout is how long a follow lasts. If zero, until the client leaves.
	FollowTimeout time.Duration

	// ReorderWindow is how long a live line waits at most for older ones. If
	// zero, 1 s; if negative, no line waits.
	ReorderWindow time.Duration

	// Keepalive is how long a follow is silent before it sends an empty line.
	// If zero, 15 s.
	Keepalive time.Duration

	// Stopping, if not nil, ends all follows when it is done. It is the
	// process' and not a request's, so it is kept here.
	Stopping context.Context

	// WriteTimeout is how long one write to a client may be blocked before
	// the client is given up. If zero, 30 s.
	WriteTimeout time.Duration

	// NoWarnings leaves out the lines that say what is missing from an
	// answer, unless a request asks for them.
	NoWarnings bool

	// MemoryLimit is how many bytes of lines a request may hold before it
	// spills them. If zero, 64 MiB.
	MemoryLimit int64

	// Shared bounds the memory of all requests together: past its limit they
	// spill earlier. If nil, it is not bounded.
	Shared *merge.Budget

	// SpillDir is where lines are spilled to, in files without a name. If
	// empty, the system's directory for temporary files.
	SpillDir string

	// SpillLimit bounds what one request spills, in bytes. If zero, there is
	// no bound; if negative, nothing is spilled.
	SpillLimit int64

	// Ended, if not nil, is told of each request that has ended. It must not block.
	Ended func(Report)

	// Failing, if not nil, is told of each failure of an upstream in a follow
	// when it happens; Ended tells only how each was in the end. It must not block.
	Failing func(r Request, upstream string, f *Failure)

	init    sync.Once
	clients []*client
}

// A Report says how a request ended.
type Report struct {
	Request  Request
	Status   int // 0 if the client left before there was one
	Duration time.Duration
	Missing  error    // why lines that had arrived could not be sent, nil if all were
	Results  []Result // of the upstreams that were asked and not given up
}

const (
	defaultTimeout        = 30 * time.Second
	defaultBacklogTimeout = 10 * time.Second
	defaultReorderWindow  = time.Second
	defaultKeepalive      = 15 * time.Second
	defaultMemoryLimit    = 64 << 20
)

func (h *Handler) timeout() time.Duration { return cmp.Or(h.Timeout, defaultTimeout) }
func (h *Handler) memoryLimit() int64     { return cmp.Or(h.MemoryLimit, defaultMemoryLimit) }
func (h *Handler) backlogTimeout() time.Duration {
	return cmp.Or(h.BacklogTimeout, defaultBacklogTimeout)
}
func (h *Handler) reorderWindow() time.Duration {
	return max(cmp.Or(h.ReorderWindow, defaultReorderWindow), 0)
}
func (h *Handler) keepalive() time.Duration { return cmp.Or(h.Keepalive, defaultKeepalive) }

func (h *Handler) warns(r Request) bool {
	if r.Warnings != nil {
		return *r.Warnings
	}
	return !h.NoWarnings
}

// ServeHTTP answers one log request. When it returns, all that it started has
// ended. It panics with http.ErrAbortHandler where the client left, or the
// server gave the request up: half an answer must not end as a whole one does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET is served here", http.StatusMethodNotAllowed)
		return
	}
	start := time.Now()
	recorder := &statusRecorder{ResponseWriter: w}
	r, err := ParseRequest(req.URL.Query())
	var results []Result
	if err != nil {
		http.Error(recorder, err.Error(), http.StatusUnprocessableEntity)
	} else {
		results = h.serve(req.Context(), recorder, r)
	}
	if h.Ended != nil {
		// A client that leaves is no failure of the upstreams given up for it.
		results = slices.DeleteFunc(results, func(r Result) bool { return r.Failure != nil && r.Failure.Reason == reasonGone })
		h.Ended(Report{r, recorder.status, time.Since(start), recorder.missing, results})
	}
	if req.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

func (h *Handler) serve(ctx context.Context, w *statusRecorder, r Request) []Result {
	clients := route(h.all(), r)
	if len(clients) == 0 {
		refuse(w, r, http.StatusInternalServerError, nil)
		return nil
	}
	if r.Follow {
		return h.follow(ctx, w, r, clients)
	}
	if r.Tail == 0 && streamable(clients) {
		return h.streamed(ctx, w, r, clients)
	}
	return h.sorted(ctx, w, r, clients)
}

// all are the clients of all upstreams.
func (h *Handler) all() []*client {
	h.init.Do(func() {
		for i := range h.Upstreams {
			h.clients = append(h.clients, newClient(&h.Upstreams[i], i))
		}
	})
	return h.clients
}

// CloseIdleConnections closes the connections to upstreams that no request
// uses. A handler that is replaced by another is done with after this.
func (h *Handler) CloseIdleConnections() {
	for _, c := range h.all() {
		c.closeIdleConnections()
	}
}

// streamable reports whether lines can be sent while they arrive: the order of
// each upstream is trusted, and none holds copies of another's lines.
func streamable(clients []*client) bool {
	for _, c := range clients {
		if !c.Ordered || c.ReplicaGroup != "" {
			return false
		}
	}
	return true
}

// refuse answers a request that has no lines to send, and says why.
func refuse(w http.ResponseWriter, r Request, status int, results []Result) {
	setOutcomes(w.Header(), results)
	text := ""
	for i := range results {
		if f := results[i].Failure; f != nil {
			text += fmt.Sprintf("%s failed: %s\n", results[i].Upstream, f)
		}
	}
	if text == "" {
		text = fmt.Sprintf("%s: %s is on no upstream\n", absentPrefix, r.Name)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

// A statusRecorder remembers the status that was sent, and what was not.
type statusRecorder struct {
	http.ResponseWriter
	status  int
	missing error
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
