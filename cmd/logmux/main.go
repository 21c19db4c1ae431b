// Command logmux is one OpenFaaS log provider in front of many.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `logmux is one OpenFaaS log provider in front of many.

usage:
  logmux serve --config FILE   serve the logs of the upstreams in FILE
  logmux check FILE            say what is wrong with FILE, or ok
  logmux check --probe [--name FUNCTION] FILE
                               and ask each upstream how it is
  logmux logs [flags] NAME     print the logs of the function NAME, without a
                               server; logmux logs -h lists the flags
  logmux demo [--once] [--listen ADDR]
                               try it on three sample providers
  logmux completion SHELL      print what makes bash, zsh or fish complete this
  logmux version               print the version
`

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// A usageError is a mistake on the command line.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := exec(ctx, args, stdout, stderr)
	var help *helpError
	if errors.As(err, &help) {
		err = help.print(stdout)
	}
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "logmux: %s\n\n%s", wrong.problem, usage)
		return exitUsage
	}
	fmt.Fprintf(stderr, "logmux: %v\n", err)
	return exitError
}

func exec(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return &usageError{"no command given"}
	}
	command, args := args[0], args[1:]
	switch command {
	case "serve":
		return serve(ctx, args, stderr)
	case "check":
		return check(ctx, args, stdout, stderr)
	case "logs":
		return printLogs(ctx, args, stdout, stderr)
	case "demo":
		return runDemo(ctx, args, stdout, stderr)
	case "completion":
		return printCompletion(args, stdout)
	case "version", "-version", "--version":
		return printVersion(args, stdout)
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	}
	return &usageError{fmt.Sprintf("unknown command %q", command)}
}
