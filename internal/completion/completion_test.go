package completion

import (
	"flag"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

type colour string

func (c *colour) String() string     { return string(*c) }
func (c *colour) Set(s string) error { *c = colour(s); return nil }
func (c *colour) Choices() []string  { return []string{"red", "green"} }

// paintCommands are those of a program that paints.
func paintCommands() []Command {
	flags := flag.NewFlagSet("paint", flag.ContinueOnError)
	for _, name := range []string{"c", "colour"} {
		flags.Var(new(colour), name, "the `COLOUR`, [it's] one: or the other")
	}
	flags.String("from", "", "a list of walls in `FILE`")
	flags.Bool("dry", false, "don't")
	flags.Int("coats", 2, "how many `N`")
	return []Command{
		Of("paint", "paint a wall", flags, "WALL"),
		Of("wash", "wash a brush's hair", &flag.FlagSet{}, "FILE"),
		Of("buy", "buy", &flag.FlagSet{}, "brush|paint"),
		Of("rest", "do nothing", &flag.FlagSet{}),
	}
}

func TestOf(t *testing.T) {
	want := Command{Name: "paint", Does: "paint a wall", Operands: []Value{{Name: "WALL"}}, Options: []Option{
		{Names: []string{"--coats"}, Usage: "how many N (default 2)", Value: &Value{Name: "N"}},
		{Names: []string{"-c", "--colour"}, Usage: "the COLOUR, [it's] one: or the other", Value: &Value{Name: "COLOUR", Choices: []string{"red", "green"}}},
		{Names: []string{"--dry"}, Usage: "don't"},
		{Names: []string{"--from"}, Usage: "a list of walls in FILE", Value: &Value{Name: "FILE"}},
	}}
	if got := paintCommands()[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// shell runs a script in a shell, and skips the test where there is none.
func shell(t *testing.T, name, script string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	args := map[string][]string{"bash": {"--norc", "--noprofile"}, "zsh": {"-f"}, "fish": {"--no-config"}}[name]
	c := exec.Command(path, append(args, "-c", script)...)
	c.Dir = t.TempDir()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestBash lets bash complete lines, as it is when Tab is pressed at their ends.
func TestBash(t *testing.T) {
	script := Script("bash", "logmux", paintCommands())
	for _, tt := range []struct{ line, want string }{
		{"logmux ", "paint wash buy rest"},
		{"logmux w", "wash"},
		{"logmux x", ""},
		{"logmux paint -", "--coats -c --colour --dry --from"},
		{"logmux paint --co", "--coats --colour"},
		{"logmux paint kitchen --dr", "--dry"},
		{"logmux paint -c ", "red green"},
		{"logmux paint --colour g", "green"},
		{"logmux paint --colour=", "red green"},
		{"logmux paint --colour=r", "red"},
		{"logmux paint --coats ", ""},
		{"logmux paint k", ""},
		{"logmux paint --dry ", ""},
		{"logmux paint --from ", "[files]"},
		{"logmux paint --from=x", "[files]"},
		{"logmux wash ", "[files]"},
		{"logmux wash -", ""},
		{"logmux buy ", "brush paint"},
		{"logmux rest ", ""},
		{"logmux unknown ", ""},
	} {
		// The words as bash splits them.
		words := strings.Split(strings.ReplaceAll(tt.line, "=", " = "), " ")
		if strings.HasSuffix(tt.line, "=") {
			words = words[:len(words)-1]
		}
		quotedWords := ""
		for _, w := range words {
			quotedWords += " " + quoted(w)
		}
		got := shell(t, "bash", script+`
compopt() { COMPREPLY=('[files]'); } # only a shell that completes has it
COMP_WORDS=(`+quotedWords+`)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_logmux
echo -n "${COMPREPLY[*]}"`)
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestBashCompletesTheProgram(t *testing.T) {
	got := shell(t, "bash", Script("bash", "logmux", paintCommands())+"\ncomplete -p logmux")
	if want := "complete -F _logmux logmux\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFish(t *testing.T) {
	script := Script("fish", "logmux", paintCommands())
	for line, want := range map[string]string{
		"logmux ":                "buy\tbuy\npaint\tpaint a wall\nrest\tdo nothing\nwash\twash a brush's hair\n",
		"logmux paint --col":     "--colour\tthe COLOUR, [it's] one: or the other\n",
		"logmux paint --colour ": "green\tthe COLOUR, [it's] one: or the other\nred\tthe COLOUR, [it's] one: or the other\n",
		"logmux paint -c g":      "green\tthe COLOUR, [it's] one: or the other\n",
		"logmux buy ":            "brush\npaint\n",
		"logmux rest ":           "",
	} {
		got := shell(t, "fish", script+"\ncomplete -C "+fishQuoted(line))
		if got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestZshTakesTheScript(t *testing.T) {
	script := Script("zsh", "logmux", paintCommands())
	if got := shell(t, "zsh", "autoload -U compinit && compinit -u -D\n"+script+"\nprint -n $_comps[logmux]"); got != "_logmux" {
		t.Errorf("got %q", got)
	}
}

// What is said of them is not taken for something else.
func TestZshOptions(t *testing.T) {
	c := paintCommands()[0]
	for i, want := range []string{
		`'--coats=[how many N (default 2)]:N: '`,
		`'(-c --colour)'{-c,--colour=}'[the COLOUR, \[it'\''s\] one\: or the other]:COLOUR:(red green)'`,
		`'--dry[don'\''t]'`,
		`'--from=[a list of walls in FILE]:FILE:_files'`,
	} {
		if got := zshOption(c.Options[i]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
