package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/proxy"
)

var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)

// newLogger writes to w in a format and from a level on, by the values of the flags.
func newLogger(w io.Writer, format, level string) *slog.Logger {
	opts := &slog.HandlerOptions{}
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err == nil { // the flag takes no other
		opts.Level = least
	}
	if format == "json" {
		opts.ReplaceAttr = readable
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// readable writes a duration with its unit, as text logs do. JSON would have a
// number of nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// observe lets the metrics and the log know what the handler does.
func (d *daemon) observe(logs *proxy.Handler) {
	d.counters.Observe(logs)
	ended, failing := logs.Ended, logs.Failing
	logs.Ended = func(r proxy.Report) {
		ended(r)
		logRequest(d.logger, &r)
	}
	logs.Failing = func(r proxy.Request, state proxy.Result) {
		failing(r, state)
		logFailure(d.logger, "upstream failed in a follow", &r, &state)
	}
}

// state is what the instance does now, for the metrics.
func (d *daemon) state() metrics.State {
	load := d.server.Load()
	s := metrics.State{Serving: load.Serving, Queued: load.Waiting, Refused: load.Refused}
	if now := d.inUse.Load(); now != nil {
		s.MaxRequests = now.maxRequests
		s.Held, s.MemoryLimit = now.logs.Shared.Used(), now.logs.Shared.Limit
		s.Breakers = now.logs.Breakers()
	}
	return s
}

// logRequest says how a request ended, which upstreams failed it, and what its
// answer lacks.
func logRequest(logger *slog.Logger, report *proxy.Report) {
	r := &report.Request
	if report.Missing != nil {
		logger.Warn("lines are missing from an answer", append(about(r), "error", report.Missing)...)
	}
	for i := range report.Results {
		// Those of a follow were logged when they happened.
		if result := &report.Results[i]; result.Failure != nil && !r.Follow {
			logFailure(logger, "upstream failed", r, result)
		}
	}
	if !logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	outcomes, lines := map[proxy.Outcome]int{}, int64(0)
	for i := range report.Results {
		outcomes[report.Results[i].Outcome]++
		lines += report.Results[i].Stats.Lines
	}
	logger.Debug("request", append(about(r), "follow", r.Follow, "status", report.Status, "duration", report.Duration.Round(time.Microsecond),
		"ok", outcomes[proxy.OK], "absent", outcomes[proxy.Absent], "failed", outcomes[proxy.Failed], "lines", lines)...)
}

func logFailure(logger *slog.Logger, message string, r *proxy.Request, result *proxy.Result) {
	level := slog.LevelInfo
	if result.Failure.Reason == proxy.ReasonBreaker {
		level = slog.LevelDebug // what opened it was told; this is each request since
	}
	logger.Log(context.Background(), level, message, append([]any{"upstream", result.Upstream, "reason", string(result.Failure.Reason), "error", result.Failure.Err,
		"lines", result.Stats.Lines, "duration", result.Duration.Round(time.Microsecond)}, about(r)...)...)
}

// about says which request a line of the log is about.
func about(r *proxy.Request) []any {
	args := []any{"function", r.Name}
	for _, a := range []struct{ key, value string }{
		{"namespace", r.Namespace}, {"call_id", r.CallID()}, {"traceparent", r.Traceparent()},
	} {
		if a.value != "" {
			args = append(args, a.key, a.value)
		}
	}
	return args
}
