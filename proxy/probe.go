package proxy

import (
	"context"
	"errors"
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

// Get asks for a path below the upstream's URL. The error is a *Failure; the
// response is whatever the upstream says. Its body must be closed.
func (p *Probe) Get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	c := *p.client
	c.logs = *c.URL.JoinPath(path)
	resp, err := c.get(ctx, c.bounded, nil, query)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = &Failure{ReasonTimeout, context.Cause(ctx)} // and not a client that has left
	}
	return resp, err
}

// Close closes the connections that no response is read from.
func (p *Probe) Close() { p.client.closeIdleConnections() }
