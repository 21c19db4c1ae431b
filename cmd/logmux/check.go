package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/probe"
)

// errProbe is what check ends with where a required upstream cannot be used.
var errProbe = errors.New("a required upstream cannot be used")

// check prints ok, or returns everything that is wrong with a config file. With
// --probe it asks each upstream how it is, and says so.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	probes := flags.Bool("probe", false, "ask each upstream how it is")
	function := flags.String("name", "", "with --probe: a `FUNCTION` whose lines show what the providers do")
	namespace := flags.String("namespace", "", "with --probe: the function's `NAMESPACE`")
	timeout := flags.Duration("timeout", 15*time.Second, "with --probe: how long to wait for the answers")
	rest, err := parse(flags, args, "FILE")
	if err != nil {
		return err
	}
	if !*probes && (*function != "" || *namespace != "") {
		return &usageError{"check: --name and --namespace are of use only with --probe"}
	}
	cfg, err := config.Load(rest[0])
	if err != nil {
		return err
	}
	if !*probes {
		_, err = fmt.Fprintln(stdout, "ok")
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("not done within %v", *timeout))
	defer cancel()
	logs := handler(cfg, slog.New(slog.NewTextHandler(stderr, nil)))
	questions := make([]probe.Question, len(logs.Upstreams))
	for i, u := range logs.Upstreams {
		questions[i] = probe.Question{Upstream: u, Kind: string(cfg.Upstreams[i].Kind), Function: *function, Namespace: *namespace}
	}
	return printFindings(stdout, probe.All(ctx, questions))
}
