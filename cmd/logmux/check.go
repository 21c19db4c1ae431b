package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/openfaas-logmux/logmux/internal/config"
)

// check prints ok, or returns everything that is wrong with a config file.
func check(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	rest, err := parse(flags, args, "FILE")
	if err != nil {
		return err
	}
	if _, err := config.Load(rest[0]); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, "ok")
	return err
}
