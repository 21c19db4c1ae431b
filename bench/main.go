//go:build linux

// Command bench measures logmux as a process of its own against two others:
// the floor, which copies the upstreams' bodies to the client and parses
// nothing, and the naive pipeline, which decodes and encodes every line.
//
//	providers ──► floor | logmux | naive ──► client
//
// Each of them is a process; all but logmux are this program, started again
// with a hidden first argument. The client and the clock are here. Rounds are
// interleaved, so a slow moment of the machine meets every proxy alike, and
// what is printed are medians of ratios within a round.
//
// A session starts the processes of one scenario and ends all of them; a
// goroutine here ends with the function that started it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	if len(os.Args) == 3 {
		if child, ok := children[os.Args[1]]; ok {
			runChild(child, os.Args[2])
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A usageError is a wrong command line, as opposed to a failed run.
type usageError string

func (e usageError) Error() string { return string(e) }

// Options are what the command line says.
type Options struct {
	// Rounds is how often each proxy is measured, in turn with the others.
	Rounds int

	// Scale multiplies the number of lines and of requests.
	Scale float64

	// Bin is a built logmux. If empty, ./cmd/logmux is built.
	Bin string

	// Proxy is what is measured in logmux's place: "logmux", or "floor" or
	// "naive" to try the harness itself.
	Proxy string

	JSON, List, Follow bool
	Scenarios          []string
}

func parse(args []string, stderr io.Writer) (Options, error) {
	var o Options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: go run ./bench [flags] [scenario ... | all]")
		flags.PrintDefaults()
	}
	flags.IntVar(&o.Rounds, "rounds", 5, "measure each proxy this often, in turn")
	flags.Float64Var(&o.Scale, "scale", 1, "multiply the number of lines and requests by this")
	flags.StringVar(&o.Bin, "bin", "", "use this logmux instead of building ./cmd/logmux")
	flags.StringVar(&o.Proxy, "proxy", "logmux", "measure logmux, or floor or naive in its place to try the harness")
	flags.BoolVar(&o.JSON, "json", false, "print JSON instead of a table")
	flags.BoolVar(&o.List, "list", false, "list the scenarios and end")
	flags.BoolVar(&o.Follow, "follow", false, "add the follow scenarios to the default set")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, usageError(err.Error())
	}
	o.Scenarios = flags.Args()
	switch {
	case o.Rounds < 1:
		return o, usageError("-rounds: at least 1")
	case o.Scale <= 0:
		return o, usageError("-scale: more than 0")
	case !slices.Contains([]string{"logmux", "floor", "naive"}, o.Proxy):
		return o, usageError("-proxy: logmux, floor or naive")
	}
	return o, nil
}

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.List {
		return list(stdout)
	}
	chosen, err := choose(o.Scenarios, o.Follow)
	if err != nil {
		return err
	}
	lab, err := newLab(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer lab.close()
	report, failed := lab.run(ctx, chosen)
	if err := report.print(stdout, o.JSON); err != nil {
		return err
	}
	return failed
}
