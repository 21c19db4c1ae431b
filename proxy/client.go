package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// A client asks one upstream. It has connections of its own, so that no other
// upstream waits for them, and others again for follows: those are many and
// idle, and get by with small buffers.
type client struct {
	*Upstream
	configured string   // its name in the config
	address    string   // the one of URL's that is asked; empty if it is the resolver's choice
	unknown    *Failure // why there is no address to ask; nil if there is

	place     int // the order of equal timestamps: that of the config
	logs      url.URL
	breaker   *breaker // nil for none
	bounded   link
	backlog   link // bounded, over the connections of follows
	polling   link // the same for a follower that asks again and again
	following link

	// Closed by closeIdleConnections alone: retryablehttp would close all that
	// are idle whenever one request fails.
	transports []*http.Transport
}

// A link is a way to ask the upstream.
type link struct {
	*retryablehttp.Client
	// persistent says that it is asked even while the breaker is open: a
	// follower has waits of its own, and learns that the upstream is back.
	persistent bool
}

// newClient returns a client that asks at the address, or if that is empty at
// whichever is found for the URL.
func newClient(u *Upstream, address string) *client {
	large, small := u.transport(boundedBuffer, address), u.transport(followBuffer, address)
	via := func(t *http.Transport, live, persistent bool) link {
		return link{retrying(&idleTransport{RoundTripper: t, timeout: u.idleTimeout(), live: live}, u.Retry), persistent}
	}
	return &client{
		Upstream:   u,
		configured: u.Name,
		address:    address,

		logs:      *u.URL.JoinPath("/system/logs"),
		breaker:   newBreaker(u.Breaker),
		bounded:   via(large, false, false),
		backlog:   via(small, false, false),
		polling:   via(small, false, true),
		following: via(small, true, true),

		transports: []*http.Transport{large, small},
	}
}

// at is the client in another place, for one request.
func (c *client) at(place int) *client {
	moved := *c
	moved.place = place
	return &moved
}

func (c *client) closeIdleConnections() {
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// get asks for the logs, on behalf of the request that brings h. The error is a
// *Failure; the response is whatever the upstream says, with a body to be closed.
func (c *client) get(ctx context.Context, via link, h *hop, query url.Values) (*http.Response, error) {
	if c.unknown != nil {
		return nil, c.unknown
	}
	req, err := c.newRequest(ctx, h, query)
	if err != nil {
		return nil, err
	}
	done, refused := c.breaker.enter()
	if refused != nil {
		if !via.persistent {
			return nil, refused
		}
		done = c.breaker.passed
	}
	start := time.Now()
	resp, err := via.Do(req)
	if err != nil {
		err = c.told(failed(ctx, err))
	}
	done(c.breaker.verdict(ctx, resp, err, hurried(ctx, c.headerTimeout(), time.Since(start))))
	return resp, err
}

// told puts a failure of net/http's into the words of the config.
func (c *client) told(f *Failure) *Failure {
	if f.Reason == ReasonTimeout && strings.Contains(f.Err.Error(), "awaiting response headers") {
		return &Failure{f.Reason, fmt.Errorf("no answer within header_timeout (%v)", c.headerTimeout())}
	}
	return f
}

func (c *client) newRequest(ctx context.Context, h *hop, query url.Values) (*retryablehttp.Request, error) {
	target := c.logs
	target.RawQuery = query.Encode()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, &Failure{ReasonMalformed, errors.New("its URL cannot be asked")} // the error repeats it, secrets included
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	if c.Authorization != nil {
		value, err := c.Authorization()
		if err != nil {
			return nil, &Failure{ReasonAuth, err}
		}
		req.Header.Set("Authorization", value)
	}
	h.sign(ctx, req.Header, c.headerTimeout(), c.ForwardAuthorization)
	req.Header.Set("Accept-Encoding", "identity")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "logmux")
	}
	return req, nil
}
