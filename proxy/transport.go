package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	maxHeaderBytes = 256 << 10
	maxIdleConns   = 16

	// Lines are often sent one HTTP chunk each: a large buffer takes many of
	// them in one system call.
	boundedBuffer = 64 << 10
	followBuffer  = 2 << 10
)

// transport returns what connects to the upstream at the address, or if that is
// empty at whichever is found for the URL.
func (u *Upstream) transport(buffer int, address string) *http.Transport {
	dialer := &net.Dialer{Timeout: u.dialTimeout(), KeepAlive: 30 * time.Second}
	dial, viaProxy := dialFunc(dialer.DialContext), http.ProxyFromEnvironment
	if address != "" {
		dial, viaProxy = pinned(dial, address), nil // a proxy would look the name up itself
	}
	if buffer < burstBuffer {
		dial = inBursts(dial)
	}
	t := &http.Transport{
		Proxy:                  viaProxy,
		DialContext:            dial,
		DialTLSContext:         tlsDialer(dial, u.dialTimeout(), u.TLS),
		TLSHandshakeTimeout:    u.dialTimeout(), // of those that net/http makes itself, through a proxy
		ResponseHeaderTimeout:  max(u.headerTimeout(), 0),
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        90 * time.Second,
		ReadBufferSize:         buffer,
		WriteBufferSize:        1 << 10,
		// Compressed answers are refused: a few bytes could hold gigabytes.
		DisableCompression: true,
	}
	if viaProxy != nil {
		t.TLSClientConfig = u.tlsThroughProxy()
	}
	return t
}

// tlsThroughProxy are the TLS settings of connections through a proxy of the
// environment, which net/http makes itself: as they are at the start.
func (u *Upstream) tlsThroughProxy() *tls.Config {
	if u.TLS == nil {
		return nil
	}
	config, err := u.TLS()
	switch {
	case err != nil:
		return &tls.Config{RootCAs: x509.NewCertPool()} // nobody is trusted: whom to trust is not known
	case config == nil:
		return nil
	}
	return config.Clone()
}

// pinned connects to the address, whatever host it is asked for.
func pinned(dial dialFunc, address string) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return dial(ctx, network, net.JoinHostPort(address, port))
	}
}

var errTLS = errors.New("no trusted TLS connection")

// tlsDialer connects and shakes hands, and marks the errors of the latter.
func tlsDialer(dial dialFunc, timeout time.Duration, settings func() (*tls.Config, error)) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		config := &tls.Config{}
		if settings != nil {
			given, err := settings()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errTLS, err)
			}
			if given != nil {
				config = given.Clone()
			}
		}
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
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
