package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/internal/server"
	"github.com/openfaas-logmux/logmux/proxy"
)

const gcPercent = 40

// serve runs the daemon until ctx is done.
func serve(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	file := flags.String("config", "", "the config `FILE`")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	if *file == "" {
		return &usageError{"serve: --config FILE is missing"}
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// Most memory is in pooled buffers, so that collecting is cheap; what
		// idle follows hold is mainly stacks, which shrink with each collection.
		debug.SetGCPercent(gcPercent)
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	counters := metrics.New(currentVersion())

	logs := handler(cfg)
	for i := range logs.Upstreams {
		counters.Expect(logs.Upstreams[i].Name)
	}
	logs.Stopping = ctx // follows end at once, bounded requests may finish
	logs.Ended = func(r proxy.Report) {
		counters.Count(r)
		logFailures(logger, r)
	}
	logs.Failing = func(r proxy.Request, upstream string, f *proxy.Failure) {
		counters.CountFollowFailure(upstream, f.Reason)
		logger.Warn("upstream failed in a follow", "upstream", upstream, "reason", string(f.Reason), "error", f.Err, "function", r.Name)
	}
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return err
	}
	s := &server.Server{
		Logs:            logs,
		Metrics:         counters.Handler(),
		WriteTimeout:    cfg.Server.WriteTimeout,
		ShutdownTimeout: cfg.Server.ShutdownTimeout,
		Logger:          logger,
	}
	logger.Info("serving", "address", listener.Addr().String(), "upstreams", len(cfg.Upstreams), "version", currentVersion())
	defer logs.CloseIdleConnections()
	return s.Run(ctx, listener)
}

// logFailures writes one line for each upstream that failed a request.
func logFailures(logger *slog.Logger, report proxy.Report) {
	if report.Missing != nil {
		logger.Warn("lines are missing from an answer", "function", report.Request.Name, "error", report.Missing)
	}
	for i := range report.Results {
		// Those of a follow were logged when they happened.
		if r := &report.Results[i]; r.Failure != nil && !report.Request.Follow {
			logger.Warn("upstream failed", "upstream", r.Upstream, "reason", string(r.Failure.Reason), "error", r.Failure.Err,
				"function", report.Request.Name, "lines", r.Stats.Lines, "duration", r.Duration)
		}
	}
}
