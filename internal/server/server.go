// Package server is logmux as a daemon over HTTP: the routes beside the logs
// themselves, and the end of a process that answers before it goes.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Server serves a log endpoint with its health and metrics until it is told
// to stop.
type Server struct {
	Logs    http.Handler // GET /system/logs
	Metrics http.Handler // GET /metrics

	// WriteTimeout is how long a client may take nothing of what is written to it.
	WriteTimeout time.Duration

	// ShutdownTimeout is how long requests under way may take to finish.
	ShutdownTimeout time.Duration

	Logger *slog.Logger

	requests requests
}

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Run serves on the listener until ctx is done, then drains: requests under way
// finish within ShutdownTimeout, new ones are refused, and the health endpoints
// go on to answer until the last request is done.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	base, abort := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
	}
	var trimming sync.WaitGroup
	defer trimming.Wait()
	trimming.Go(func() { trim(base) })
	defer abort()

	served := make(chan error, 1)
	go func() { served <- server.Serve(patientListener{l, s.WriteTimeout}) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	if !s.drain() {
		server.Close() // half an answer must not end as a whole one does
	}
	abort()
	// What is left is idle, or a health check on its way.
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain refuses new log requests and waits for those under way. It reports
// false if some did not finish.
func (s *Server) drain() bool {
	left, done := s.requests.close()
	s.Logger.Info("stopping", "requests", left, "timeout", s.ShutdownTimeout)
	if left == 0 {
		return true
	}
	timer := time.NewTimer(s.ShutdownTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		s.Logger.Warn("requests did not finish within shutdown_timeout and are cut off")
		return false
	}
}
