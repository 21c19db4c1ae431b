package main

import (
	"bytes"
	osexec "os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The commands are those of the usage text, and each knows its flags.
func TestCommands(t *testing.T) {
	var documented []string
	for _, m := range regexp.MustCompile(`(?m)^  logmux ([a-z]+)`).FindAllStringSubmatch(usage, -1) {
		documented = append(documented, m[1])
	}
	documented = append(documented, "help")
	var known []string
	for _, c := range commands() {
		known = append(known, c.Name)
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{c.Name, "--help"}, &stdout, &stderr)
		if code != 0 || stderr.Len() > 0 {
			t.Errorf("%s --help: exit code %d, %q", c.Name, code, &stderr)
		}
		if want := "usage: logmux " + c.Name; c.Name != "help" && !strings.HasPrefix(stdout.String(), want) {
			t.Errorf("%s --help: got %q, want it to start with %q", c.Name, &stdout, want)
		}
		for _, o := range c.Options {
			if !strings.Contains(stdout.String(), "\n  "+strings.Join(o.Names, ", ")) {
				t.Errorf("%s --help: no %s in %q", c.Name, o.Names, &stdout)
			}
		}
	}
	slices.Sort(documented)
	slices.Sort(known)
	if documented = slices.Compact(documented); !slices.Equal(known, documented) {
		t.Errorf("completed are %q, documented %q", known, documented)
	}
}

func TestHelpOfLogs(t *testing.T) {
	var stdout bytes.Buffer
	run(t.Context(), []string{"logs", "-h"}, &stdout, &bytes.Buffer{})
	for _, want := range []string{
		"usage: logmux logs [flags] NAME\n\n",
		"\n  -n, --namespace NAMESPACE\n        the function's NAMESPACE\n",
		"\n  -o, --output text|json|raw\n",
		"(default generic)\n",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in %q", want, &stdout)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string // a part
	}{
		{[]string{"completion", "bash"}, 0, "complete -F _logmux logmux\n"},
		{[]string{"completion", "zsh"}, 0, "#compdef logmux\n"},
		{[]string{"completion", "fish"}, 0, "complete -c logmux "},
		{[]string{"completion"}, 2, "logmux: completion: bash|fish|zsh is missing"},
		{[]string{"completion", "tcsh"}, 2, "logmux: completion: the shell must be bash, fish or zsh"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code || !strings.Contains(stdout.String()+stderr.String(), tt.want) {
			t.Errorf("%q: exit code %d, %q, %q", tt.args, code, &stdout, &stderr)
		}
	}
}

// Bash itself reads the script, and completes by it what is typed most.
func TestBashCompletesLogs(t *testing.T) {
	bash, err := osexec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	var script bytes.Buffer
	run(t.Context(), []string{"completion", "bash"}, &script, &bytes.Buffer{})
	for words, want := range map[string]string{
		"logmux lo":                 "logs",
		"logmux logs --fo":          "--follow",
		"logmux logs figlet -o ":    "text json raw",
		"logmux logs --kind faas":   "faas-netes faasd",
		"logmux serve --log-level ": "debug info warn error",
		"logmux completion z":       "zsh",
	} {
		c := osexec.Command(bash, "--norc", "-c", script.String()+`
IFS=' ' read -ra COMP_WORDS <<<"$1x" # so that a last word may be empty
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%x}
_logmux
echo -n "${COMPREPLY[*]}"`, "bash", words)
		got, err := c.CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v, want %q", words, got, err, want)
		}
	}
}
