// Package completion makes of the commands of a program, and their flags, what
// shells need to complete them:
//
//	flag.FlagSet ──> Command ──> Script ──> bash.go, zsh.go, fish.go
//	                    └──> a command's help
//
// The scripts are whole: they do not run the program.
package completion

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Command is a command of the program.
type Command struct {
	Name     string
	Does     string // in a few words
	Options  []Option
	Operands []Value
}

// An Option is a flag by all its names.
type Option struct {
	Names []string // with their dashes, the short one first
	Usage string
	Value *Value // nil for a flag that takes none
}

// A Value is what stands behind a flag, or for itself.
type Value struct {
	Name    string   // FILE, say
	Choices []string // if any
}

// File reports whether the value is the name of a file.
func (v *Value) File() bool { return v.Name == "FILE" }

// Of is the command with these flags and operands. An operand "a|b" is either.
func Of(name, does string, flags *flag.FlagSet, operands ...string) Command {
	c := Command{Name: name, Does: does, Options: options(flags)}
	for _, operand := range operands {
		v := Value{Name: operand}
		if strings.Contains(operand, "|") {
			v.Choices = strings.Split(operand, "|")
		}
		c.Operands = append(c.Operands, v)
	}
	return c
}

// options are the flags. Those with the same usage are one, by several names.
func options(flags *flag.FlagSet) []Option {
	byUsage := map[string]*Option{}
	flags.VisitAll(func(f *flag.Flag) {
		o := byUsage[f.Usage]
		if o == nil {
			name, usage := flag.UnquoteUsage(f)
			o = &Option{Usage: usage + defaultOf(f)}
			if name != "" {
				o.Value = &Value{Name: name}
				if v, ok := f.Value.(interface{ Choices() []string }); ok {
					o.Value.Choices = v.Choices()
				}
			}
			byUsage[f.Usage] = o
		}
		o.Names = append(o.Names, dashed(f.Name))
	})
	var all []Option
	for _, o := range byUsage {
		slices.SortFunc(o.Names, func(a, b string) int { return len(a) - len(b) })
		all = append(all, *o)
	}
	slices.SortFunc(all, func(a, b Option) int { return strings.Compare(a.long(), b.long()) })
	return all
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// long is the longest name.
func (o *Option) long() string { return o.Names[len(o.Names)-1] }

// defaultOf is what is said of a flag's default; nothing if there is nothing to it.
func defaultOf(f *flag.Flag) string {
	switch f.DefValue {
	case "", "false", "0", "0s":
		return ""
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}

var shells = map[string]func(program string, commands []Command) string{"bash": bash, "zsh": zsh, "fish": fish}

// Shells are those that there are scripts for.
func Shells() []string { return slices.Sorted(maps.Keys(shells)) }

// Script is what makes a shell, one of Shells, complete the program's commands.
func Script(shell, program string, commands []Command) string {
	return shells[shell](program, commands)
}

// header says what a script is.
func header(shell, program, load string) string {
	return fmt.Sprintf("# Completion of %s for %s. To load it:\n#\n#     %s\n\n", program, shell, load)
}

// quoted is a text in single quotes, for a shell in which nothing but they end it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func names(commands []Command) []string {
	var all []string
	for _, c := range commands {
		all = append(all, c.Name)
	}
	return all
}
