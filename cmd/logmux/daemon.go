package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/internal/server"
	"github.com/openfaas-logmux/logmux/internal/via"
	"github.com/openfaas-logmux/logmux/internal/watch"
	"github.com/openfaas-logmux/logmux/merge"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A daemon is logmux as serve runs it: a server, and the config file that says
// what is served.
type daemon struct {
	file     string
	name     string // in Via, as long as the process lives
	logger   *slog.Logger
	counters *metrics.Metrics
	server   *server.Server
	stopping context.Context // follows end with it
	retry    time.Duration   // see reloadUntilTaken
	lookups  errgroup.Group  // one for each handler in use

	mu     sync.Mutex // a reload at a time
	listen string
	budget *merge.Budget

	inUse atomic.Pointer[served]
}

// served is what the metrics ask about.
type served struct {
	logs        *proxy.Handler
	maxRequests int
}

func newDaemon(ctx context.Context, file string, logger *slog.Logger) *daemon {
	d := &daemon{
		file:     file,
		name:     via.NewName(),
		logger:   logger,
		counters: metrics.New(currentVersion()),
		stopping: ctx,
		retry:    retryInterval,
	}
	d.server = &server.Server{Metrics: d.counters.Handler(), Reload: d.reload, Logger: logger}
	d.counters.Watch(d.state)
	return d
}

// start takes the config file for the first time and returns the listener to
// serve on.
func (d *daemon) start() (net.Listener, error) {
	cfg, err := config.Load(d.file)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return nil, fmt.Errorf("server.listen: %w", err)
	}
	d.take(cfg)
	d.logger.Info("serving", "address", listener.Addr().String(), "upstreams", len(cfg.Upstreams), "version", currentVersion())
	return listener, nil
}

// reload takes the config file as it is now, whole or not at all, and tells how
// that ended.
func (d *daemon) reload() error { return d.reloadAfter(nil) }

// reloadAfter is reload after one that failed: the same failure again is no news.
func (d *daemon) reloadAfter(failure error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.change()
	d.counters.Reloaded(err == nil)
	if err != nil && (failure == nil || err.Error() != failure.Error()) {
		d.logger.Error("the config was not reloaded, the one before stays in use", "error", err)
	}
	return err
}

func (d *daemon) change() error {
	cfg, err := config.Load(d.file)
	if err != nil {
		return err
	}
	var moved net.Listener
	if cfg.Server.Listen != d.listen {
		if moved, err = net.Listen("tcp", cfg.Server.Listen); err != nil {
			return fmt.Errorf("server.listen: %w", err)
		}
	}
	d.take(cfg)
	if moved != nil {
		d.server.Move(moved)
	}
	d.logger.Info("config reloaded", "address", cfg.Server.Listen, "upstreams", len(cfg.Upstreams))
	return nil
}

// take serves by a config from the next request on.
func (d *daemon) take(cfg *config.Config) {
	d.listen = cfg.Server.Listen
	if d.budget == nil || d.budget.Limit != cfg.Server.MemoryLimit {
		d.budget = &merge.Budget{Limit: cfg.Server.MemoryLimit}
	}
	logs := handler(cfg, d.logger)
	logs.Name = d.name
	logs.Shared = d.budget
	logs.Stopping = d.stopping // follows end at once, bounded requests may finish
	d.observe(logs)
	if now := d.inUse.Load(); now != nil {
		logs.TakeOver(now.logs)
	}

	ctx, done := context.WithCancel(d.stopping)
	d.lookups.Go(func() error {
		logs.Discover(ctx)
		return nil
	})
	s := site(cfg, d.name, d.logger)
	s.Logs = logs
	s.Close = func() {
		done()
		logs.CloseIdleConnections()
		if p, ok := s.Passthrough.(*server.Passthrough); ok {
			p.CloseIdleConnections()
		}
	}
	d.inUse.Store(&served{logs, cfg.Server.MaxRequests})
	d.server.Swap(s)
}

// retryInterval is how soon a config that Kubernetes has updated, and that could
// not be taken, is tried again.
const retryInterval = 10 * time.Second

// reloadUntilTaken reloads what Kubernetes has updated: perhaps before a secret
// that it names is there.
func (d *daemon) reloadUntilTaken(ctx context.Context) {
	ticker := time.NewTicker(d.retry)
	defer ticker.Stop()
	for err := d.reload(); err != nil; err = d.reloadAfter(err) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// reloads reloads on each of the signals, and when Kubernetes has updated the
// file, until ctx is done.
func (d *daemon) reloads(ctx context.Context, watcher *watch.Watcher, hangups <-chan os.Signal) error {
	var group errgroup.Group
	group.Go(func() error {
		watcher.Run(ctx, func() { d.reloadUntilTaken(ctx) })
		return nil
	})
	for {
		select {
		case <-hangups:
			_ = d.reload()
		case <-ctx.Done():
			return group.Wait()
		}
	}
}
