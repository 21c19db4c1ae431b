package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// parse reads the flags of a command and returns its other arguments, which
// may stand before or after them and must be as many as wanted. Its errors are
// *usageError and *helpError.
func parse(flags *flag.FlagSet, args []string, operands ...string) ([]string, error) {
	flags.SetOutput(io.Discard) // the error says it
	var rest []string
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, &helpError{flags, operands}
		} else if err != nil {
			return nil, &usageError{fmt.Sprintf("%s: %v", flags.Name(), err)}
		}
		if flags.NArg() == 0 {
			break
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
	if len(rest) > len(operands) {
		return nil, &usageError{fmt.Sprintf("%s: unexpected argument %q", flags.Name(), rest[len(operands)])}
	}
	if len(rest) < len(operands) {
		return nil, &usageError{fmt.Sprintf("%s: %s is missing", flags.Name(), operands[len(rest)])}
	}
	return rest, nil
}
