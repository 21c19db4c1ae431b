package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A breaker spares requests the wait for an upstream that is down: after
// several failures in a row it is not asked for a while, then by one request,
// whose success lets the others through again.
type breaker struct {
	Breaker
	circuit atomic.Pointer[gobreaker.TwoStepCircuitBreaker[struct{}]]
	last    atomic.Pointer[Failure]
}

// errNoVerdict is the outcome of an exchange that says nothing of the upstream.
var errNoVerdict = errors.New("neither failure nor success")

// newBreaker returns nil where the settings want none.
func newBreaker(b Breaker) *breaker {
	if b.Failures <= 0 {
		return nil
	}
	closed := &breaker{Breaker: b}
	closed.close()
	return closed
}

// close begins anew, whatever was before.
func (b *breaker) close() {
	b.circuit.Store(gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1, // the probe
		Timeout:     b.openFor(),
		ReadyToTrip: func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(b.Failures) },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNoVerdict) },
	}))
}

// enter reports whether the upstream may be asked. If so, done must be called
// with what verdict says of the exchange.
func (b *breaker) enter() (done func(error), refused *Failure) {
	if b == nil {
		return func(error) {}, nil
	}
	done, err := b.circuit.Load().Allow()
	if err == nil {
		return done, nil
	}
	why := ""
	if last := b.last.Load(); last != nil {
		why = fmt.Sprintf("; the last: %s", last)
	}
	return nil, &Failure{ReasonBreaker, fmt.Errorf("not asked for %v after %d failures in a row%s", b.openFor(), b.Failures, why)}
}

// passed takes the verdict on an exchange that went on though it was refused: a
// success is one for all.
func (b *breaker) passed(verdict error) {
	if verdict == nil {
		b.close()
	}
}

func (b *breaker) open() bool {
	return b != nil && b.circuit.Load().State() == gobreaker.StateOpen
}

// verdict says what an exchange means for the upstream: nil if it is up, its
// failure, or errNoVerdict. What the upstream answers, even that it cannot, shows
// that it is up, but for what a gateway answers in its place.
func (b *breaker) verdict(ctx context.Context, resp *http.Response, err error, hurried bool) error {
	if b == nil {
		return nil
	}
	var f *Failure
	switch {
	case err != nil:
		f = failed(ctx, err)
	case gatewayFailed(resp):
		f = &Failure{reasonStatus(resp.StatusCode), errors.New(http.StatusText(resp.StatusCode))}
	default:
		return nil
	}
	switch {
	case f.Reason == ReasonTimeout && hurried, f.Reason == reasonGone, f.Reason == ReasonTruncated:
		return errNoVerdict
	case f.Reason == ReasonMalformed:
		return nil
	}
	b.last.Store(f)
	return f
}

// hurried reports whether an exchange that has taken so long was ended by a
// caller's deadline, before it could be known whether the upstream is down.
func hurried(ctx context.Context, headerTimeout, taken time.Duration) bool {
	return errors.Is(context.Cause(ctx), errCaller) && taken < headerTimeout/2
}

// gatewayFailed reports whether a response is a gateway's, in place of the
// upstream's. One that names what has failed is a logmux' own: it is up, and has
// tried again already.
func gatewayFailed(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return resp.Header.Get(headerFailed) == ""
	}
	return false
}
