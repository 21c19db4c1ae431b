package terminal

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a function logs comes from whoever called it, so a terminal is not sent
// what it would obey: sequences that move the cursor and overwrite other lines,
// set the title or the clipboard, or make the terminal type an answer into the
// shell. They are shown instead, as \x1b[2J. Colours are harmless, and what many
// functions log; they pass where colours are wanted, are left out where they are
// not, and end with their line.
//
// A pipe or a file gets every byte as it was logged, as with kubectl and stern:
// what reads it decides.

// appendText appends the text of a line as the stream can take it.
func (s *Stream) appendText(dst []byte, text string) []byte {
	if s.Terminal {
		dst = appendVisible(dst, text, s.Colour)
	} else {
		dst = append(dst, text...)
	}
	if s.Colour && strings.Contains(text, "\x1b[") {
		dst = append(dst, endColour...)
	}
	return dst
}

// appendName appends a name that a provider made up: never with colours of its
// own, and never in two lines.
func (s *Stream) appendName(dst []byte, name string) []byte {
	return appendVisible(dst, name, false)
}

// Visible is a text from elsewhere as the stream may show it, line breaks
// included: an error that quotes an answer, say.
func (s *Stream) Visible(text string) string {
	if !s.Terminal {
		return text
	}
	var dst []byte
	for line := range strings.Lines(text) {
		whole := strings.TrimSuffix(line, "\n")
		dst = appendVisible(dst, whole, false)
		dst = append(dst, line[len(whole):]...)
	}
	return string(dst)
}

// appendVisible appends a text with its control characters written out.
func appendVisible(dst []byte, text string, colours bool) []byte {
	// Two halves of a control character may meet where a colour between is left out.
	text = strings.ToValidUTF8(text, "\ufffd")
	for {
		i := strings.IndexFunc(text, isControl)
		if i < 0 {
			return append(dst, text...)
		}
		dst, text = append(dst, text[:i]...), text[i:]
		if n := colourSequence(text); n > 0 {
			if colours {
				dst = append(dst, text[:n]...)
			}
			text = text[n:]
			continue
		}
		c, n := utf8.DecodeRuneInString(text)
		dst, text = appendEscaped(dst, c), text[n:]
	}
}

// isControl reports whether a terminal may obey c instead of showing it. A tab
// does no harm.
func isControl(c rune) bool {
	return c < ' ' && c != '\t' || 0x7f <= c && c <= 0x9f
}

func appendEscaped(dst []byte, c rune) []byte {
	switch c {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	}
	return fmt.Appendf(dst, `\x%02x`, c)
}

// colourSequence is the length of the colour sequence that text starts with
// (ESC [ digits and separators m), 0 if it does with none.
func colourSequence(text string) int {
	rest, ok := strings.CutPrefix(text, "\x1b[")
	if !ok {
		return 0
	}
	rest = strings.TrimLeft(rest, "0123456789;:")
	if !strings.HasPrefix(rest, "m") {
		return 0
	}
	return len(text) - len(rest) + 1
}
