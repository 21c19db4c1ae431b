package completion

import (
	"fmt"
	"strings"
)

func fish(program string, commands []Command) string {
	script := header("fish", program, program+" completion fish | source")
	complete := func(format string, args ...any) {
		script += "complete -c " + program + " " + fmt.Sprintf(format, args...) + "\n"
	}
	complete("-f")
	for _, c := range commands {
		complete("-n __fish_use_subcommand -a %s -d %s", c.Name, fishQuoted(c.Does))
		in := fmt.Sprintf("-n '__fish_seen_subcommand_from %s'", c.Name)
		for _, o := range c.Options {
			complete("%s%s -d %s", in, fishOption(o), fishQuoted(o.Usage))
		}
		for i := range c.Operands {
			if o := fishOperand(&c.Operands[i]); o != "" {
				complete("%s %s", in, o)
			}
		}
	}
	return script
}

func fishOption(o Option) string {
	text := ""
	for _, name := range o.Names {
		if long, ok := strings.CutPrefix(name, "--"); ok {
			text += " -l " + long
		} else {
			text += " -s " + name[1:]
		}
	}
	switch v := o.Value; {
	case v == nil:
		return text
	case v.File():
		return text + " -r -F"
	case len(v.Choices) > 0:
		return text + " -x -a " + fishQuoted(strings.Join(v.Choices, " "))
	}
	return text + " -x"
}

func fishOperand(v *Value) string {
	switch {
	case v.File():
		return "-F"
	case len(v.Choices) > 0:
		return "-a " + fishQuoted(strings.Join(v.Choices, " "))
	}
	return ""
}

func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
