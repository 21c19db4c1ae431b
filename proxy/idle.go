package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

var errIdle = errors.New("no more of the answer within idle_timeout")

// An idleTransport ends an answer of which no more comes for a while. The time
// between two Reads, when it is the reader that is slow, does not count.
type idleTransport struct {
	http.RoundTripper
	timeout time.Duration
	// live says that a 2xx answer may be silent for as long as it likes.
	live bool
}

func (t *idleTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	resp, err := t.RoundTripper.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	body := &idleBody{ReadCloser: resp.Body, timeout: t.timeout, ctx: ctx, cancel: cancel}
	if t.live && resp.StatusCode/100 == 2 || t.timeout < 0 {
		body.timeout = 0
	} else {
		body.timer = time.AfterFunc(t.timeout, func() { cancel(errIdle) })
		body.timer.Stop()
	}
	resp.Body = body
	return resp, nil
}

type idleBody struct {
	io.ReadCloser
	timeout time.Duration // 0 for none
	timer   *time.Timer
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

func (b *idleBody) Read(p []byte) (int, error) {
	if b.timeout == 0 {
		return b.ReadCloser.Read(p)
	}
	b.timer.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && context.Cause(b.ctx) == errIdle {
		err = &Failure{ReasonTimeout, errIdle}
	}
	return n, err
}

func (b *idleBody) Close() error {
	if b.timer != nil {
		b.timer.Stop()
	}
	b.cancel(nil)
	return b.ReadCloser.Close()
}
