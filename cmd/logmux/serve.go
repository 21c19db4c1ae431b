package main

import (
	"context"
	"flag"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/openfaas-logmux/logmux/internal/watch"
)

const gcPercent = 40

// serve runs the daemon until ctx is done.
func serve(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	file := flags.String("config", "", "the config `FILE`")
	format, level := &choice{"text", logFormats}, &choice{"info", logLevels}
	flags.Var(format, "log-format", "write the log as this `FORMAT`: text or json")
	flags.Var(level, "log-level", "leave out of the log what is below this `LEVEL`: debug, which has a line for each request, info, warn or error")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	if *file == "" {
		return &usageError{"serve: --config FILE is missing"}
	}
	if os.Getenv("GOGC") == "" {
		// Most memory is in pooled buffers, so that collecting is cheap; what
		// idle follows hold is mainly stacks, which shrink with each collection.
		debug.SetGCPercent(gcPercent)
	}
	logger := newLogger(stderr, format.value, level.value)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	watcher := watch.New(*file) // before the file is read, or a change could be missed
	watcher.Failed = func(err error) { logger.Warn("changes of the config may be noticed late", "error", err) }

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d := newDaemon(ctx, *file, logger)
	listener, err := d.start()
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() error { return d.reloads(ctx, watcher, hangups) })
	group.Go(func() error {
		defer stop() // also where it is the listener that broke
		return d.server.Run(ctx, listener)
	})
	err = group.Wait()
	_ = d.lookups.Wait() // they return none
	logger.Info("stopped")
	return err
}
