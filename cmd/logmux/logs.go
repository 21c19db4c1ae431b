package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openfaas-logmux/logmux/internal/terminal"
	"github.com/openfaas-logmux/logmux/proxy"
)

// printLogs prints the logs of a function: the fan-out without a server.
func printLogs(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseLogs(args, time.Now())
	if err != nil {
		return err
	}
	cfg, err := o.config()
	if err != nil {
		return err
	}
	prefixes := o.tellApart(cfg)
	p := &terminal.Printer{
		Out:        terminal.NewStream(stdout, o.colours()),
		Err:        terminal.NewStream(stderr, o.colours()),
		Format:     o.format(),
		Timestamps: o.timestamps,
		Prefixes:   prefixes,
	}
	// Otherwise the signal would end the process when the reader of a pipe has
	// gone, where the write's error does it in order.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	return o.print(ctx, handler(cfg, slog.New(slog.NewTextHandler(stderr, nil))), p)
}

var (
	errInterrupted = errors.New("interrupted before all was there")
	errIncomplete  = errors.New("the answer is incomplete")
)

// print prints what the handler answers. That the reader of stdout has gone is
// its good right, and so is ending a follow.
func (o *logsOptions) print(ctx context.Context, h *proxy.Handler, p *terminal.Printer) error {
	err := o.answer(ctx, h, p)
	if err == nil {
		err = p.Flush()
	}
	refused := (*proxy.StatusError)(nil)
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		return nil
	case ctx.Err() != nil && o.follow:
	case ctx.Err() != nil:
		return errInterrupted
	case errors.As(err, &refused):
		return errors.New(p.Err.Visible(refusal(refused)))
	case err != nil:
		return err
	}
	if p.Lines == 0 && p.Warnings == 0 && p.Err.Terminal && o.since.IsZero() && !o.follow {
		p.Note("logmux: no lines; without --since each provider looks back by itself, mostly 5 minutes to an hour")
	}
	if o.strict && p.Warnings > 0 {
		return errIncomplete
	}
	return nil
}

// answer lets the handler answer, with what else it takes to serve.
func (o *logsOptions) answer(ctx context.Context, h *proxy.Handler, p *terminal.Printer) error {
	defer h.CloseIdleConnections()
	discovering, stop := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error {
		h.Discover(discovering)
		return nil
	})
	defer group.Wait() // it returns no error
	defer stop()
	if !o.follow {
		return h.Answer(ctx, o.request(), p)
	}
	// Stopping ends a follow in order, with the lines that waited for older ones.
	h.FollowTimeout, h.Stopping = 0, ctx
	return h.Answer(context.WithoutCancel(ctx), o.request(), p)
}

// refusal is what the handler says, less what says only that it was asked.
func refusal(e *proxy.StatusError) string {
	return strings.TrimPrefix(e.Error(), "function log request failed: ")
}
