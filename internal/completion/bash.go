package completion

import (
	"fmt"
	"strings"
)

const bashScript = `_%[1]s() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W %[2]s -- "$current"))
        return
    fi
    # Bash makes three words of --flag=value.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case ${COMP_WORDS[1]}:$previous in
%[3]s    esac
    case ${COMP_WORDS[1]}:$current in
%[4]s    esac
}
complete -F _%[1]s %[1]s
`

func bash(program string, commands []Command) string {
	var values, words strings.Builder
	for _, c := range commands {
		var flags []string
		for _, o := range c.Options {
			flags = append(flags, o.Names...)
			if o.Value != nil {
				pattern := c.Name + ":" + strings.Join(o.Names, "|"+c.Name+":")
				fmt.Fprintf(&values, "    %s)\n        %s\n        return\n        ;;\n", pattern, bashValue(o.Value))
			}
		}
		fmt.Fprintf(&words, "    %s:-*)\n        %s\n        ;;\n", c.Name, bashWords(flags))
		if len(c.Operands) > 0 {
			fmt.Fprintf(&words, "    %s:*)\n        %s\n        ;;\n", c.Name, bashValue(&c.Operands[0]))
		}
	}
	return header("bash", program, "source <("+program+" completion bash)") +
		fmt.Sprintf(bashScript, program, quoted(strings.Join(names(commands), " ")), values.String(), words.String())
}

func bashValue(v *Value) string {
	switch {
	case len(v.Choices) > 0:
		return bashWords(v.Choices)
	case v.File():
		return "compopt -o default" // bash's own completion of files
	}
	return ": # any " + v.Name
}

func bashWords(words []string) string {
	return fmt.Sprintf(`COMPREPLY=($(compgen -W %s -- "$current"))`, quoted(strings.Join(words, " ")))
}
