package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/openfaas-logmux/logmux/proxy"
)

// lines asks the handler in process and writes the lines of its answer, byte for
// byte: as many as are there in one Write, and a Flush where no more are. The error
// is that of the writer, or a *proxy.StatusError.
func lines(ctx context.Context, h *proxy.Handler, query url.Values, to lineWriter) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/system/logs?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	w := &answer{header: http.Header{}, to: to}
	w.take(h, req)
	switch {
	case w.err != nil:
		return w.err
	case w.status != http.StatusOK:
		return &proxy.StatusError{Status: w.status, Text: w.text.String()}
	}
	return nil
}

// A lineWriter takes whole lines.
type lineWriter interface {
	io.Writer
	Flush() error
}

// An answer is the response that a handler writes to.
type answer struct {
	header http.Header
	status int // 0 until there is one
	to     lineWriter
	text   bytes.Buffer // the body of any other status than 200
	err    error        // of the first write or flush that failed
}

// take lets the handler answer a request. Where that was cancelled it panics as
// the handlers of servers do, for an answer that is not whole.
func (a *answer) take(h *proxy.Handler, req *http.Request) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		}
	}()
	h.ServeHTTP(a, req)
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(lines []byte) (int, error) {
	if a.status != http.StatusOK {
		return a.text.Write(lines)
	}
	n, err := a.to.Write(lines)
	a.note(err)
	return n, err
}

// FlushError is what http.ResponseController calls.
func (a *answer) FlushError() error {
	err := a.to.Flush()
	a.note(err)
	return err
}

func (a *answer) note(err error) {
	if a.err == nil {
		a.err = err
	}
}

// refusal is what the handler says, less what says only that it was asked.
func refusal(e *proxy.StatusError) string {
	return strings.TrimPrefix(e.Error(), "function log request failed: ")
}
