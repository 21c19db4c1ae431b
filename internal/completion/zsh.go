package completion

import (
	"fmt"
	"strings"
)

const zshScript = `_%[1]s() {
    local -a commands=(
%[2]s    )
    if ((CURRENT == 2)); then
        _describe command commands
        return
    fi
    shift words
    ((CURRENT--))
    case $words[1] in
%[3]s    esac
}

# A file in $fpath is the function itself; what is sourced defines it.
if [[ $funcstack[1] == _%[1]s ]]; then
    _%[1]s "$@"
else
    compdef _%[1]s %[1]s
fi
`

func zsh(program string, commands []Command) string {
	var list, cases strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&list, "        %s\n", quoted(zshText(c.Name)+":"+c.Does))
		fmt.Fprintf(&cases, "    %s)\n        _arguments", c.Name)
		for _, o := range c.Options {
			fmt.Fprintf(&cases, " \\\n            %s", zshOption(o))
		}
		for i := range c.Operands {
			fmt.Fprintf(&cases, " \\\n            %s", quoted(":"+zshValue(&c.Operands[i])))
		}
		cases.WriteString("\n        ;;\n")
	}
	return "#compdef " + program + "\n" + header("zsh", program, "source <("+program+" completion zsh)") +
		fmt.Sprintf(zshScript, program, list.String(), cases.String())
}

// zshOption is the option for _arguments: '(all its names)'{its,names}'[usage]:value'.
func zshOption(o Option) string {
	text := "[" + zshText(o.Usage) + "]"
	var names []string
	for _, name := range o.Names {
		if o.Value != nil && strings.HasPrefix(name, "--") {
			name += "=" // its value may stand behind that
		}
		names = append(names, name)
	}
	if o.Value != nil {
		text += ":" + zshValue(o.Value)
	}
	if len(names) == 1 {
		return quoted(names[0] + text)
	}
	return quoted("("+strings.Join(o.Names, " ")+")") + "{" + strings.Join(names, ",") + "}" + quoted(text)
}

func zshValue(v *Value) string {
	switch {
	case len(v.Choices) > 0:
		return zshText(v.Name) + ":(" + strings.Join(v.Choices, " ") + ")"
	case v.File():
		return v.Name + ":_files"
	}
	return v.Name + ": " // any
}

// zshText is a text without meaning to _arguments.
func zshText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `[`, `\[`, `]`, `\]`).Replace(text)
}
