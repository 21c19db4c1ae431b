// Package demo shows logmux on three sample providers, in one process and over
// real HTTP on loopback.
//
//	history.go ─► Store ─► FaasNetes ─┐ providers.go: each on a port of its own
//	live lines ─► Store ─► Faasd     ─┼─► proxy ─► internal/server ─► client.go ─► print.go
//	              Store ─► Loki      ─┘
//
// Run owns every goroutine: the server's, the providers' and the one that logs
// live lines. All have ended when it returns.
package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/internal/server"
	"github.com/openfaas-logmux/logmux/internal/terminal"
	"github.com/openfaas-logmux/logmux/proxy"
)

// Options say how the demo runs.
type Options struct {
	// Listen is the address that logmux serves on, host:port.
	Listen string

	// Once ends the demo when all is shown. Otherwise it serves until its
	// context is done.
	Once bool

	// Out is where everything is printed, in colour if it is a terminal and
	// NO_COLOR is not set.
	Out io.Writer

	// Version is what the metrics call this build.
	Version string
}

const (
	writeTimeout    = 10 * time.Second
	shutdownTimeout = time.Second     // of a request that is open at Ctrl-C
	servePace       = 3 * time.Second // between the lines logged while it serves
)

// Run shows the demo. It returns nil when it is over or ctx is done, and an
// error when the address is taken or a line went missing on its way.
func Run(ctx context.Context, o Options) error {
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("%w; choose another with --listen", err)
	}
	providers := newProviders()
	defer providers.stop()
	if err := providers.start(); err != nil {
		listener.Close()
		return err
	}
	counters := metrics.New(o.Version)
	logs := newProxy(ctx, providers)
	counters.Observe(logs)
	defer logs.CloseIdleConnections()
	s := &server.Server{Metrics: counters.Handler(), Logger: slog.New(slog.DiscardHandler)}
	s.Swap(&server.Site{Logs: logs, WriteTimeout: writeTimeout, ShutdownTimeout: shutdownTimeout})
	client := newClient(listener.Addr())
	defer client.close()
	show := &show{providers: providers, client: client, print: newPrinter(o.Out, providers, terminal.NewStream(o.Out, terminal.Auto).Colour)}

	group, ctx := errgroup.WithContext(ctx)
	ctx, over := context.WithCancel(ctx)
	group.Go(func() error { return s.Run(ctx, listener) })
	group.Go(func() error {
		defer over()
		return show.run(ctx, o.Once)
	})
	return group.Wait()
}

func newProxy(stopping context.Context, ps providers) *proxy.Handler {
	h := &proxy.Handler{Stopping: stopping, ReorderWindow: reorderWindow}
	for _, p := range ps {
		h.Upstreams = append(h.Upstreams, p.upstream())
	}
	return h
}

// A show is what is printed, and what makes it happen.
type show struct {
	providers providers
	client    *client
	print     *printer
}

// reorderWindow is shorter than the default, for an audience that waits.
const reorderWindow = 500 * time.Millisecond

// run shows everything and, unless it is for once, serves until ctx is done.
func (s *show) run(ctx context.Context, once bool) error {
	steps := []func(context.Context) error{s.introduce, s.bounded, s.follow}
	if !once {
		steps = append(steps, s.serve)
	}
	for _, step := range steps {
		err := step(ctx)
		if ctx.Err() != nil {
			return nil // whatever broke, it was told to end
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *show) introduce(context.Context) error {
	s.print.say("Three log providers, each with its own habits:")
	for _, p := range s.providers {
		s.print.provider(p)
	}
	s.print.say("and logmux in front of them at %s", s.client.base)
	return nil
}

// bounded prints one merged answer.
func (s *show) bounded(ctx context.Context) error {
	const query = "name=" + function
	s.print.request(query)
	n := 0
	for m, err := range s.client.lines(ctx, query) {
		if err != nil {
			return err
		}
		s.print.line(m)
		n++
	}
	s.print.say("%d lines of %d providers, by time.", n, len(s.providers))
	return nil
}

// serve says what to try, and logs a line now and then until ctx is done.
func (s *show) serve(ctx context.Context) error {
	s.print.say("\nThe function logs a line every %v from now on. Try, in another terminal:", servePace)
	for _, command := range s.client.commands(s.providers[0].instances[0], time.Now()) {
		s.print.say("  %s", command)
	}
	s.print.say("Ctrl-C ends it.")

	pace := time.NewTicker(servePace)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case now := <-pace.C:
			s.providers.log(live(s.providers, "served", i), now)
		case <-ctx.Done():
			return nil
		}
	}
}
