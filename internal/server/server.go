// Package server is logmux as a daemon over HTTP: who may ask and how many at
// once, the routes beside the logs themselves, a config that is replaced under
// way, and the end of a process that answers before it goes.
//
//	move.go ─► front.go ─► net/http ─► routes.go ─┬─► limit.go ─► Site.Logs
//	address    TLS,                    Site of    ├─► Site.Passthrough
//	           patience                the moment └─► health, metrics, reload
//
// Run owns every goroutine. When it returns they have ended, but for handlers
// that do not care that their request has.
package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Server serves the site that was swapped in last, until it is told to stop.
// It answers 503 before there is one. It can be run once.
type Server struct {
	// Metrics serves GET /metrics. If nil, that is a path as any other.
	Metrics http.Handler

	// Reload is called for POST /-/reload where the site has that endpoint, and
	// may be called again while it runs. Its error is shown to the client, so it
	// must hold no secret. If nil, there is no such endpoint.
	Reload func() error

	// Logger is told of what an operator should know. It is required.
	Logger *slog.Logger

	swapping sync.Mutex
	sites    sites
	limit    limit
	requests requests // that a shutdown waits for
	listener movable
	conns    connections

	headerTimeout time.Duration // if zero, readHeaderTimeout
}

const (
	readHeaderTimeout = 10 * time.Second // of the TLS handshake, too
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10

	// lastTimeout is how long a shutdown takes after the last request.
	lastTimeout = time.Second
)

// Swap serves site from the next request on. Requests under way end on the site
// they began on, and those that wait in the queue began already. A limit that is
// raised lets them in at once. If neither site has TLS, connections go on; else
// those that were made before are closed when they are idle.
func (s *Server) Swap(site *Site) {
	s.swapping.Lock()
	defer s.swapping.Unlock()
	era := s.sites.swap(site)
	s.limit.resize(site.MaxRequests)
	s.conns.begin(era)
}

// Move serves on l from now on, and closes the listener it had. Connections that
// were accepted go on. Before Run, it takes the place of Run's listener; after
// Run, l is closed.
func (s *Server) Move(l net.Listener) { s.listener.move(l) }

// A Load is how busy a server is with log requests.
type Load struct {
	Serving, Waiting int   // now
	Refused          int64 // since the beginning, because there were too many
}

// Load returns how busy the server is.
func (s *Server) Load() Load { return s.limit.load() }

// Run serves on the listener until ctx is done, then drains: requests under way
// finish within ShutdownTimeout, those that wait and new ones are refused, and
// the health endpoints go on to answer until the last request is done.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	s.listener.start(l)
	base, abort := context.WithCancel(context.WithoutCancel(ctx))
	server := s.http(base)
	var trimming sync.WaitGroup
	defer trimming.Wait()
	trimming.Go(func() { trim(base) })
	defer s.sites.end()
	defer abort()

	served := make(chan error, 1)
	go func() { served <- server.Serve(&front{Listener: &s.listener, sites: &s.sites, logger: s.Logger}) }()
	select {
	case err := <-served:
		s.listener.Close()
		s.conns.closeAll()
		server.Close()
		return err
	case <-ctx.Done():
	}
	done, inTime := s.drain()
	if !inTime {
		s.conns.closeAll() // half an answer must not end as a whole one does
	}
	abort()
	s.close(server, done)
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) http(base context.Context) *http.Server {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		Protocols:         &http1,
		ReadHeaderTimeout: cmp.Or(s.headerTimeout, readHeaderTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
		ConnState:         s.conns.changed,
		ErrorLog:          errorLog(s.Logger),

		// The general answer to OPTIONS * would be given to anyone.
		DisableGeneralOptionsHandler: true,
	}
}

// connKey is that of a request's *patientConn in its context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, patient(c))
}

// drain refuses new requests and waits for those under way. It reports false if
// some did not finish.
func (s *Server) drain() (done <-chan struct{}, inTime bool) {
	left, done := s.requests.close()
	s.limit.close()
	var timeout time.Duration
	if site := s.sites.enter(); site != nil {
		timeout = site.ShutdownTimeout
		s.sites.leave(site)
	}
	s.Logger.Info("stopping", "requests", left, "timeout", timeout)
	if left == 0 {
		return done, true
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
		return done, true
	case <-timer.C:
		s.Logger.Warn("requests did not finish within shutdown_timeout and are cut off")
		return done, false
	}
}

// close ends what is left when no request should be under way any more: idle
// connections, health checks on their way, and what was cut off.
func (s *Server) close(server *http.Server, done <-chan struct{}) {
	last, cancel := context.WithTimeout(context.Background(), lastTimeout)
	defer cancel()
	// Over TLS, net/http says goodbye, and would wait for a client that takes nothing.
	defer context.AfterFunc(last, s.conns.closeAll)()
	if err := server.Shutdown(last); err != nil {
		server.Close()
	}
	select {
	case <-done:
	case <-last.Done():
	}
}
