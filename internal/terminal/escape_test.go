package terminal

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

func TestTextOnStreams(t *testing.T) {
	pipe, piped := Stream{}, Stream{Colour: true}
	plain, colourful := Stream{Terminal: true}, Stream{Terminal: true, Colour: true}
	for _, tt := range []struct {
		name   string
		stream Stream
		text   string
		want   string
	}{
		{"plain text", colourful, "héllo\t世界 👩‍🚀", "héllo\t世界 👩‍🚀"},
		{"colours pass and end", colourful, "\x1b[1;31mred\x1b[39m \x1b[38:5:9mx", "\x1b[1;31mred\x1b[39m \x1b[38:5:9mx\x1b[0m"},
		{"no colours are wanted", plain, "\x1b[1;31mred\x1b[0m!", "red!"},
		{"the screen is cleared", colourful, "a\x1b[2Jb\x1b[Hc", `a\x1b[2Jb\x1b[Hc` + endColour},
		{"the line is overwritten", plain, "10%\r20%\b", `10%\r20%\x08`},
		{"the title", plain, "\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		{"an eight-bit sequence", plain, "\u009b2J\u0085", `\x9b2J\x85`},
		{"a delete", plain, "a\x7f", `a\x7f`},
		{"half a colour", colourful, "a\x1b[31", `a\x1b[31` + endColour},
		{"a pipe gets all", pipe, "\x1b[2J\x1b[31mred\r", "\x1b[2J\x1b[31mred\r"},
		{"a pipe in colour gets all, and its end", piped, "\x1b[31mred", "\x1b[31mred\x1b[0m"},
		{"a pipe in colour, without any", piped, "red", "red"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(tt.stream.appendText(nil, tt.text))
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestVisible(t *testing.T) {
	const text = "edge failed: 502 (\x1b[2Jsorry)\nwest failed\x1b[31m"
	terminal := Stream{Terminal: true, Colour: true}
	if got, want := terminal.Visible(text), `edge failed: 502 (\x1b[2Jsorry)`+"\nwest failed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var pipe Stream
	if got := pipe.Visible(text); got != text {
		t.Errorf("got %q, want it unchanged", got)
	}
}

// Whatever is logged, a terminal gets no control character but those of colours.
func FuzzTerminal(f *testing.F) {
	f.Add("\x1b[31m\x1b[2J\x1b]0;x\x07\u009b31m\x1b\x1b[m")
	colours := regexp.MustCompile(`\x1b\[[0-9;:]*m`)
	f.Fuzz(func(t *testing.T, text string) {
		plain, colourful := Stream{Terminal: true}, Stream{Terminal: true, Colour: true}
		for _, shown := range []string{
			string(plain.appendText(nil, text)),
			// A space, so that what is left does not join.
			colours.ReplaceAllString(string(colourful.appendText(nil, text)), " "),
			string(colourful.appendName(nil, text)),
		} {
			if i := strings.IndexFunc(shown, func(c rune) bool { return c != '\t' && unicode.IsControl(c) }); i >= 0 {
				t.Errorf("%q passes %q", text, shown[i:])
			}
		}
	})
}
