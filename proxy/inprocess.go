package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/via"
)

// A LineWriter takes an answer: whole lines with each Write, as many as are there,
// and a Flush where no more are.
type LineWriter interface {
	io.Writer
	Flush() error
}

// A StatusError is that of a request which has no lines to send. Status is what a
// client would be answered by HTTP: 500 if no upstream has the function, 502 or 504
// if those that may have it failed, 503 if a follow was stopped before it began.
type StatusError struct {
	Status int
	Text   string // why, in lines
}

func (e *StatusError) Error() string { return strings.TrimSpace(e.Text) }

// Answer answers a request in process: the lines that ServeHTTP would send go to
// the writer, the empty ones of a silent follow included. When it returns, all that
// it started has ended. A deadline of ctx is that of the request: what has arrived a
// little before it is written.
//
// The errors are *ParameterError, *StatusError, that of the writer, and the cause of
// ctx' end if that came first.
func (h *Handler) Answer(ctx context.Context, r Request, to LineWriter) error {
	if err := r.check(); err != nil {
		return err
	}
	h.start()
	now := time.Now()
	r.hop = &hop{received: now, via: via.Append(nil, h.name)}
	if deadline, ok := ctx.Deadline(); ok {
		r.hop.total = shorter(deadline.Sub(now))
	}
	w := &lineResponse{header: http.Header{}, to: to}
	h.report(ctx, w, &r, (*Handler).serve)
	switch {
	case w.err != nil:
		return w.err
	case ctx.Err() != nil && (w.status != http.StatusOK || !r.Follow):
		return context.Cause(ctx)
	case w.status != http.StatusOK:
		return &StatusError{w.status, w.text.String()}
	}
	return nil
}

// A lineResponse is the response whose lines go to a writer.
type lineResponse struct {
	header http.Header
	status int // 0 until there is one
	to     LineWriter
	text   bytes.Buffer // the body of any other status than 200
	err    error        // of the first write or flush that failed
}

func (w *lineResponse) Header() http.Header { return w.header }

func (w *lineResponse) WriteHeader(status int) { w.status = status }

func (w *lineResponse) Write(lines []byte) (int, error) {
	if w.status != http.StatusOK {
		return w.text.Write(lines)
	}
	n, err := w.to.Write(lines)
	w.note(err)
	return n, err
}

// FlushError is what http.ResponseController calls.
func (w *lineResponse) FlushError() error {
	err := w.to.Flush()
	w.note(err)
	return err
}

func (w *lineResponse) note(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("write the answer: %w", err)
	}
}
