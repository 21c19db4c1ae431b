package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/openfaas-logmux/logmux/internal/completion"
)

// A helpError is what a command ends with that was asked for its help. As all
// commands read their arguments with parse, asking is how to learn what there is.
type helpError struct {
	flags    *flag.FlagSet
	operands []string
}

func (e *helpError) Error() string { return e.Unwrap().Error() }
func (e *helpError) Unwrap() error { return flag.ErrHelp }

// print prints what the command takes.
func (e *helpError) print(out io.Writer) error {
	c := completion.Of(e.flags.Name(), "", e.flags, e.operands...)
	text := "usage: logmux " + c.Name
	if len(c.Options) > 0 {
		text += " [flags]"
	}
	for _, operand := range c.Operands {
		text += " " + operand.Name
	}
	text += "\n"
	for _, o := range c.Options {
		text += "\n  " + strings.Join(o.Names, ", ")
		if o.Value != nil {
			text += " " + cmp.Or(strings.Join(o.Value.Choices, "|"), o.Value.Name)
		}
		text += "\n        " + o.Usage
	}
	_, err := fmt.Fprintln(out, strings.TrimSuffix(text, "\n"))
	return err
}
