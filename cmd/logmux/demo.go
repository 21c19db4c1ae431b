package main

import (
	"context"
	"flag"
	"io"

	"github.com/openfaas-logmux/logmux/internal/demo"
)

// runDemo shows logmux on three sample providers.
func runDemo(ctx context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	once := flags.Bool("once", false, "exit when all is shown")
	listen := flags.String("listen", "127.0.0.1:9195", "serve on this `ADDRESS`")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{Listen: *listen, Once: *once, Out: stdout, Version: currentVersion()})
}
