package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// A Stream is stdout or stderr, and what it can show.
type Stream struct {
	io.Writer
	// Colour says that ANSI colours are wanted.
	Colour bool
	// Terminal says that control characters would not be shown but obeyed.
	Terminal bool
}

// A When says when there are colours.
type When string

const (
	Auto   When = "auto" // on a terminal whose user has not said otherwise, see no-color.org
	Always When = "always"
	Never  When = "never"
)

// NewStream finds out what w is.
func NewStream(w io.Writer, colours When) Stream {
	s := Stream{Writer: w, Terminal: isTerminal(w)}
	switch colours {
	case Always:
		s.Colour = true
	case Auto:
		s.Colour = s.Terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
