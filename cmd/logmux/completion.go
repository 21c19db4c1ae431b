package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"strings"

	"github.com/openfaas-logmux/logmux/internal/completion"
)

// does says what each command does, for the shells that show it.
var does = [][2]string{
	{"serve", "serve the logs of the upstreams of a config"},
	{"check", "say what is wrong with a config"},
	{"logs", "print the logs of a function"},
	{"demo", "try it on three sample providers"},
	{"completion", "print what makes a shell complete these commands"},
	{"version", "print the version"},
	{"help", "say what commands there are"},
}

// printCompletion prints a shell's completion script.
func printCompletion(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("completion", flag.ContinueOnError)
	rest, err := parse(flags, args, strings.Join(completion.Shells(), "|"))
	if err != nil {
		return err
	}
	shell := &choice{of: completion.Shells()}
	if err := shell.Set(rest[0]); err != nil {
		return &usageError{"completion: the shell " + err.Error()}
	}
	_, err = io.WriteString(stdout, completion.Script(shell.value, "logmux", commands()))
	return err
}

// commands are all commands, with the flags that they themselves say they take.
func commands() []completion.Command {
	var all []completion.Command
	for _, c := range does {
		help := &helpError{flags: &flag.FlagSet{}}
		_ = errors.As(exec(context.Background(), []string{c[0], "-h"}, io.Discard, io.Discard), &help)
		all = append(all, completion.Of(c[0], c[1], help.flags, help.operands...))
	}
	return all
}
