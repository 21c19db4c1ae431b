package terminal

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// A Format is how lines are printed.
type Format string

const (
	Text Format = "text" // a label and the text, in columns
	JSON Format = "json" // the line as it came
	Raw  Format = "raw"  // the text alone
)

// A Printer prints lines to Out, and what logmux has to say of them to Err. It
// buffers: what is written is there after a Flush. It is not safe for concurrent
// use.
type Printer struct {
	Out, Err Stream
	Format   Format

	// Timestamps puts the time before each line, but for JSON.
	Timestamps bool

	// Zone is that of Timestamps. If nil, the machine's.
	Zone *time.Location

	// Prefixes are what the instances of each upstream begin with. What of
	// an instance is none of them is the instance's own.
	Prefixes []string

	// Lines and Warnings count what was printed.
	Lines, Warnings int

	messages []line.Message    // of the lines that are being written
	width    int               // of the column of labels
	colours  map[string]string // of upstreams, by their names; made when first needed
	buffer   []byte            // not yet written to Out
	err      error             // of the first write to Out that failed
}

// bufferSize is how much is gathered for one write.
const bufferSize = 64 << 10

// Write prints whole NDJSON lines. Empty ones, which keep a connection alive,
// are no lines. The error is that of Out.
func (p *Printer) Write(lines []byte) (int, error) {
	for l := range bytes.Lines(lines) {
		p.take(l)
	}
	// The labels of all of them are known before the first is printed: a short
	// answer has one column.
	p.print()
	if p.err != nil {
		return 0, p.err
	}
	return len(lines), nil
}

// Flush hands Out what was buffered.
func (p *Printer) Flush() error {
	if p.err == nil && len(p.buffer) > 0 {
		_, p.err = p.Out.Write(p.buffer)
		p.buffer = p.buffer[:0]
	}
	return p.err
}

// take takes one line.
func (p *Printer) take(l []byte) {
	if len(bytes.TrimSpace(l)) == 0 {
		return
	}
	if p.Format == JSON && !bytes.Contains(l, []byte(line.WarningInstance)) {
		p.pass(l)
		return
	}
	var m line.Message
	if err := json.Unmarshal(l, &m); err != nil {
		m = line.Message{Text: string(l)} // shown as it is rather than not at all
	}
	switch {
	case m.Instance == line.WarningInstance && strings.HasPrefix(m.Text, line.WarningPrefix):
		p.warn(m.Text)
	case p.Format == JSON:
		p.pass(l)
	default:
		p.widen(p.label(m.Instance))
		p.messages = append(p.messages, m)
	}
}

// print prints the messages that were taken.
func (p *Printer) print() {
	for i := range p.messages {
		p.buffer = p.appendMessage(p.buffer, &p.messages[i])
		p.printed()
	}
	clear(p.messages)
	p.messages = p.messages[:0]
}

// pass prints a line as it came.
func (p *Printer) pass(l []byte) {
	p.buffer = append(p.buffer, l...)
	p.printed()
}

func (p *Printer) printed() {
	p.Lines++
	if len(p.buffer) >= bufferSize {
		p.Flush()
	}
}

// warn prints a warning, behind the lines that it stood behind.
func (p *Printer) warn(text string) {
	p.print()
	p.Flush()
	p.Warnings++
	p.Note(trimNewline(text))
}

// Note prints a line to Err. Nobody can be told where that fails.
func (p *Printer) Note(text string) {
	text = p.Err.Visible(text)
	if p.Err.Colour {
		text = string(paint(nil, warning, text))
	}
	_, _ = p.Err.Write([]byte(text + "\n"))
}
