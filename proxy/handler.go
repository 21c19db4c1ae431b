package proxy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/openfaas-logmux/logmux/internal/via"
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

	// Name is that of this instance in the Via header of what it asks. A
	// request that has been here is answered 508, for it would go round for
	// ever. It holds no space and no comma. If empty, a random one.
	Name string

	// Lookup finds the addresses of a host, for upstreams of which each address
	// is asked. If nil, the system's resolver is used.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	// LookupInterval is how often those addresses are looked up. What was found is taken for
	// true three times as long. If zero, 5 s.
	LookupInterval time.Duration

	// Began, if not nil, is told of each request before it is served. It must not
	// block.
	Began func(Request)

	// Ended, if not nil, is told of each request that has ended. It must not block.
	Ended func(Report)

	// Failing, if not nil, is told of each failure of an upstream in a follow
	// when it happens; Ended tells only how each was in the end. It must not block.
	Failing func(Request, Result)

	// Arrived, if not nil, is told of the live lines of an upstream, block by
	// block: how long before its arrival the last of them was logged, by the
	// upstream's clock. It must not block.
	Arrived func(upstream string, lag time.Duration)

	init    sync.Once
	name    string
	sources []*source
}

// A Report says how a request ended.
type Report struct {
	Request  Request
	Status   int // 0 if the client left before there was one
	Duration time.Duration
	Missing  error    // why lines that had arrived could not be sent, nil if all were
	Spilled  int64    // bytes
	Results  []Result // of the upstreams that were asked and not given up
}

const (
	defaultTimeout        = 30 * time.Second
	defaultBacklogTimeout = 10 * time.Second
	defaultReorderWindow  = time.Second
	defaultKeepalive      = 15 * time.Second
	defaultMemoryLimit    = 64 << 20
	defaultLookupInterval = 5 * time.Second
)

func (h *Handler) timeout() time.Duration { return positive(h.Timeout, defaultTimeout) }
func (h *Handler) memoryLimit() int64     { return cmp.Or(h.MemoryLimit, defaultMemoryLimit) }
func (h *Handler) backlogTimeout() time.Duration {
	return positive(h.BacklogTimeout, defaultBacklogTimeout)
}
func (h *Handler) reorderWindow() time.Duration {
	return max(cmp.Or(h.ReorderWindow, defaultReorderWindow), 0)
}
func (h *Handler) keepalive() time.Duration { return positive(h.Keepalive, defaultKeepalive) }
func (h *Handler) lookupInterval() time.Duration {
	return positive(h.LookupInterval, defaultLookupInterval)
}
func (h *Handler) lookupValid() time.Duration { return 3 * h.lookupInterval() }

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
	h.start()
	r, serve := h.receive(req)
	h.report(req.Context(), w, r, serve)
	if req.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

// What follows keeps its frames small, for they are on the stack of every idle
// follow: see follow. What needs room is not inlined, and a Request is handed
// on by its address.

// A server answers one request.
type server func(*Handler, context.Context, *statusRecorder, *Request) []Result

// receive reads a request and says who serves it.
//
//go:noinline
func (h *Handler) receive(req *http.Request) (*Request, server) {
	r, err := ParseRequest(req.URL.Query())
	r.hop = newHop(req.Header, h.name)
	switch {
	case via.Names(req.Header["Via"], h.name):
		return &r, refusal(http.StatusLoopDetected, "a loop: this request has been at this logmux before, for one of its upstreams leads back to it")
	case err != nil:
		return &r, refusal(http.StatusUnprocessableEntity, err.Error())
	}
	return &r, (*Handler).serve
}

func refusal(status int, why string) server {
	return func(_ *Handler, _ context.Context, w *statusRecorder, _ *Request) []Result {
		http.Error(w, why, status)
		return nil
	}
}

// report lets a request be served and tells how it ended.
func (h *Handler) report(ctx context.Context, w http.ResponseWriter, r *Request, serve server) {
	recorder := h.began(w, r)
	h.ended(r, recorder, serve(h, ctx, recorder, r))
}

//go:noinline
func (h *Handler) began(w http.ResponseWriter, r *Request) *statusRecorder {
	start := time.Now()
	if h.Began != nil {
		h.Began(*r)
	}
	return &statusRecorder{ResponseWriter: w, start: start}
}

//go:noinline
func (h *Handler) ended(r *Request, recorder *statusRecorder, results []Result) {
	if h.Ended == nil {
		return
	}
	// A client that leaves is no failure of the upstreams given up for it.
	results = slices.DeleteFunc(results, func(r Result) bool { return r.Failure != nil && r.Failure.Reason == reasonGone })
	for i := range results {
		results[i] = results[i].told()
	}
	h.Ended(Report{*r, recorder.status, time.Since(recorder.start), recorder.missing, recorder.spilled, results})
}

func (h *Handler) serve(ctx context.Context, w *statusRecorder, r *Request) []Result {
	if r.Follow {
		return h.follow(ctx, w, r)
	}
	return h.bounded(ctx, w, r)
}

//go:noinline
func (h *Handler) bounded(ctx context.Context, w *statusRecorder, r *Request) []Result {
	clients := route(h.clients(ctx), *r)
	switch {
	case len(clients) == 0:
		refuse(w, r, http.StatusInternalServerError, nil)
		return nil
	case r.Tail == 0 && streamable(clients):
		return h.streamed(ctx, w, *r, clients)
	}
	return h.sorted(ctx, w, *r, clients)
}

// start makes of the fields what is needed to serve.
func (h *Handler) start() {
	h.init.Do(func() {
		h.name = h.Name
		if h.name == "" {
			h.name = via.NewName()
		}
		for i := range h.Upstreams {
			h.sources = append(h.sources, newSource(&h.Upstreams[i], i, h.Lookup))
		}
	})
}

// CloseIdleConnections closes the connections to upstreams that no request
// uses. A handler that is replaced by another is done with after this.
func (h *Handler) CloseIdleConnections() {
	h.start()
	for _, s := range h.sources {
		s.closeIdleConnections()
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
func refuse(w http.ResponseWriter, r *Request, status int, results []Result) {
	setOutcomes(w.Header(), results)
	text := ""
	for i := range results {
		if f := results[i].Failure; f != nil {
			text += fmt.Sprintf("%s failed: %s\n", results[i].Upstream, f)
		}
	}
	for i := range results {
		if text != "" && results[i].Outcome == Absent {
			text += fmt.Sprintf("%s does not have %s\n", results[i].Upstream, r.Name)
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

// A statusRecorder remembers when the request began, the status that was sent,
// and what became of the lines, for the report.
type statusRecorder struct {
	http.ResponseWriter
	start   time.Time
	status  int
	missing error
	spilled int64
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
