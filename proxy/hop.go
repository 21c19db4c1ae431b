package proxy

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/via"
)

// A hop is what a request brings along beside its query, from whoever asks: the
// instances it has been to, how long they wait, and what may be passed on.
type hop struct {
	via           []string // of the Via header, this instance included
	authorization []string // goes only to upstreams that want it
	trace         http.Header
	header, total time.Duration // what the instance before waits; 0 if it does not say
	received      time.Time
}

// The header fields by which one logmux tells another how long it will wait, for
// the head of the answer and for all of it. What the inner one has by then is
// worth more than what it would have later.
const (
	headerHeaderTimeout = "X-Logmux-Header-Timeout"
	headerTotalTimeout  = "X-Logmux-Timeout"
)

// traceHeaders follow a request wherever it goes; they say nothing of who asks.
var traceHeaders = []string{"X-Call-Id", "Traceparent", "Tracestate"}

// maxTrace bounds what is passed on of each, in bytes.
const maxTrace = 512

// newHop reads a request's header at the instance called name.
func newHop(h http.Header, name string) *hop {
	hop := &hop{
		via:           via.Append(h["Via"], name),
		authorization: h["Authorization"],
		trace:         http.Header{},
		header:        waits(h, headerHeaderTimeout),
		total:         waits(h, headerTotalTimeout),
		received:      time.Now(),
	}
	for _, field := range traceHeaders {
		if v := h.Get(field); v != "" && len(v) <= maxTrace {
			hop.trace.Set(field, v)
		}
	}
	return hop
}

func waits(h http.Header, field string) time.Duration {
	d, err := time.ParseDuration(h.Get(field))
	if err != nil || d < 0 {
		return 0
	}
	return d
}

// sign adds to an upstream request what comes along. A negative headerTimeout is
// no bound.
func (h *hop) sign(ctx context.Context, header http.Header, headerTimeout time.Duration, forward bool) {
	if h != nil && h.header > 0 {
		left := max(h.header-time.Since(h.received), 0)
		if headerTimeout < 0 || left < headerTimeout {
			headerTimeout = left
		}
	}
	if headerTimeout >= 0 {
		headerTimeout = shorter(headerTimeout)
	}
	tellTime(ctx, header, headerTimeout)
	if h == nil { // it is a probe
		return
	}
	header["Via"] = []string{strings.Join(h.via, ", ")}
	for field, values := range h.trace {
		header[field] = values
	}
	if forward && len(h.authorization) > 0 {
		header["Authorization"] = h.authorization
	}
}

// tellTime tells the upstream how long it has for the head of its answer, if that
// is not negative, and for all of it: a little less than there is, for it is to
// arrive before that is over.
func tellTime(ctx context.Context, header http.Header, forHead time.Duration) {
	if deadline, ok := ctx.Deadline(); ok {
		left := shorter(time.Until(deadline))
		header.Set(headerTotalTimeout, left.String())
		if forHead < 0 || left < forHead {
			forHead = left
		}
	}
	if forHead >= 0 {
		header.Set(headerHeaderTimeout, forHead.String())
	}
}

// shorter is what an upstream is given of the time there is.
func shorter(d time.Duration) time.Duration {
	return max(d-min(d/10, time.Second), time.Millisecond)
}

// begun is what comes along once there is something to send: nobody waits for
// the head of the answer any more.
func (h *hop) begun() *hop {
	if h == nil {
		return nil
	}
	begun := *h
	begun.header = 0
	return &begun
}

// errCaller is the cause that ends a request's context when the instance that
// asks waits no longer.
var errCaller = errors.New("not done within the time of whoever asks")

// totalTimeout is how long the instance that asks waits for all of an answer,
// zero if it does not say.
func (r *Request) totalTimeout() time.Duration {
	if r.hop == nil {
		return 0
	}
	return r.hop.total
}

// headerTimeout is how long it waits for the head, zero if it does not say.
func (r *Request) headerTimeout() time.Duration {
	if r.hop == nil {
		return 0
	}
	return r.hop.header
}

// beginWithin ends ctx unless begun is called in time. Zero is no bound.
func beginWithin(ctx context.Context, timeout time.Duration) (_ context.Context, begun, end func()) {
	if timeout == 0 {
		return ctx, func() {}, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(timeout, func() { cancel(errCaller) })
	begun = func() { timer.Stop() }
	return ctx, begun, func() { begun(); cancel(nil) }
}
