package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Probe asks one upstream as a handler would, with its credentials, its TLS
// settings and its deadlines, but for whatever one likes, once each time, and
// without a breaker: to find out what it is and how it does.
type Probe struct {
	client *client
}

// NewProbe returns a probe of the upstream. Of a dns+http or dns+https URL, the
// address is the resolver's choice.
func NewProbe(u Upstream) *Probe {
	target := *u.URL
	target.Scheme = strings.TrimPrefix(target.Scheme, discoveryPrefix)
	u.URL, u.Retry, u.Breaker = &target, Retry{}, Breaker{}
	return &Probe{newClient(&u, "")}
}

// ErrAbsent is what a probe gets of an upstream that does not have the function.
var ErrAbsent = errors.New("the function is not there")

// Ask asks for a path below the upstream's URL and has the body of a 2xx answer
// read. The response says what the answer was like, if there was one; its body is
// closed. The errors are ErrAbsent, a *Failure, and those of read. None quotes
// what the upstream was sent in secret.
func (p *Probe) Ask(ctx context.Context, path string, query url.Values, read func(io.Reader) error) (*http.Response, error) {
	c := *p.client
	c.logs = *c.URL.JoinPath(path)
	resp, err := c.get(ctx, c.bounded, nil, query)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = &Failure{ReasonTimeout, context.Cause(ctx)} // and not a client that has left
		}
		return nil, c.conceal(nil, err)
	}
	defer resp.Body.Close()
	if err := accept(resp); err != nil {
		return resp, c.conceal(nil, err)
	}
	return resp, read(resp.Body)
}

// Close closes the connections that no response is read from.
func (p *Probe) Close() { p.client.closeIdleConnections() }
