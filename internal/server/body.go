package server

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingerTimeout is how long what is left of a body may take after the
	// answer: closing on a client that still sends would destroy what it has not
	// read yet.
	lingerTimeout = 3 * time.Second

	// maxDiscard bounds the body of a log request, which nobody wants.
	maxDiscard = 256 << 10
)

// linger bounds the time in which net/http reads what is left of a body once
// the request has ended. It has no bound of its own.
func linger(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTimeout))
}

// A body is that of a request, read by a goroutine while the request is served
// and not any longer.
type body struct {
	io.ReadCloser
	control *http.ResponseController

	mu    sync.Mutex // held while it is read, which may be long
	ended bool

	whole  atomic.Bool // it was read to its end
	broken atomic.Bool // it was not sent as it should be
}

func newBody(w http.ResponseWriter, r *http.Request) *body {
	b := &body{ReadCloser: r.Body, control: http.NewResponseController(w)}
	// Without it, net/http may read the rest itself before it sends an answer.
	_ = b.control.EnableFullDuplex()
	return b
}

func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err = b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.whole.Store(true)
	case err != nil:
		b.broken.Store(true)
	}
	return n, err
}

// end stops whoever reads. The connection must not be used for another request,
// unless the body was read to its end.
func (b *body) end() {
	if b.whole.Load() {
		return
	}
	_ = b.control.SetReadDeadline(time.Now())
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	_ = b.control.SetReadDeadline(time.Now().Add(lingerTimeout))
}

// discard reads a body that nobody wants until stop is called: only behind it
// net/http notices that the client leaves.
func discard(w http.ResponseWriter, r *http.Request) (stop func()) {
	if r.Header.Get("Expect") != "" {
		return func() {} // it is not sent unless it is read
	}
	b := newBody(w, r)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.CopyN(io.Discard, b, maxDiscard)
	}()
	return func() {
		b.end()
		<-done
	}
}
