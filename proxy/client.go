package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// A client asks one upstream. It has connections of its own, so that no other
// upstream waits for them, and others again for follows: those are many and
// idle, and get by with small buffers.
type client struct {
	*Upstream
	place     int // in the config: the order of equal timestamps
	logs      url.URL
	bounded   *retryablehttp.Client
	backlog   *retryablehttp.Client // bounded, over the connections of follows
	following *retryablehttp.Client

	// Closed by closeIdleConnections alone: retryablehttp would close all that
	// are idle whenever one request fails.
	transports []*http.Transport
}

const (
	maxHeaderBytes = 256 << 10
	maxIdleConns   = 16

	// Lines are often sent one HTTP chunk each: a large buffer takes many of
	// them in one system call.
	boundedBuffer = 64 << 10
	followBuffer  = 2 << 10
)

func newClient(u *Upstream, place int) *client {
	large, small := u.transport(boundedBuffer), u.transport(followBuffer)
	via := func(t *http.Transport, live bool) *retryablehttp.Client {
		return retrying(&idleTransport{RoundTripper: t, timeout: u.idleTimeout(), live: live}, u.Retry)
	}
	return &client{
		Upstream:  u,
		place:     place,
		logs:      *u.URL.JoinPath("/system/logs"),
		bounded:   via(large, false),
		backlog:   via(small, false),
		following: via(small, true),

		transports: []*http.Transport{large, small},
	}
}

func (u *Upstream) transport(buffer int) *http.Transport {
	dialer := &net.Dialer{Timeout: u.dialTimeout(), KeepAlive: 30 * time.Second}
	dial := dialFunc(dialer.DialContext)
	if buffer < burstBuffer {
		dial = inBursts(dial)
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		DialTLSContext:         tlsDialer(dial, u.dialTimeout(), &tls.Config{}),
		ResponseHeaderTimeout:  u.headerTimeout(),
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        90 * time.Second,
		ReadBufferSize:         buffer,
		WriteBufferSize:        1 << 10,
		// Compressed answers are refused: a few bytes could hold gigabytes.
		DisableCompression: true,
	}
}

func (c *client) closeIdleConnections() {
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

var errTLS = errors.New("no trusted TLS connection")

// tlsDialer connects and shakes hands, and marks the errors of the latter.
func tlsDialer(dial dialFunc, timeout time.Duration, config *tls.Config) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		config := config.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(addr)
		}
		conn := tls.Client(raw, config)
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, fmt.Errorf("%w: %w", errTLS, err)
		}
		return conn, nil
	}
}

// get asks for the logs. The error is a *Failure; the response is whatever the
// upstream says, with a body to be closed.
func (c *client) get(ctx context.Context, via *retryablehttp.Client, query url.Values) (*http.Response, error) {
	target := c.logs
	target.RawQuery = query.Encode()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, &Failure{ReasonMalformed, err}
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	req.Header.Set("Accept-Encoding", "identity")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "logmux")
	}
	resp, err := via.Do(req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return resp, nil
}
