package terminal

import (
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// timeFormat has a fixed width, and --since takes it.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// appendMessage appends a message as one line of text, or as several where its
// text has several: each says whose it is, so that none can pass for another's.
func (p *Printer) appendMessage(dst []byte, m *line.Message) []byte {
	for text := range strings.SplitSeq(trimNewline(m.Text), "\n") {
		if p.Timestamps {
			dst = append(p.appendTime(dst, m.Timestamp), ' ')
		}
		if p.Format == Text {
			dst = append(p.appendLabel(dst, p.label(m.Instance)), ' ')
		}
		dst = append(p.Out.appendText(dst, text), '\n')
	}
	return dst
}

// appendTime appends a time in the user's zone, or a dash for none.
func (p *Printer) appendTime(dst []byte, t time.Time) []byte {
	zone := p.Zone
	if zone == nil {
		zone = time.Local
	}
	text := t.In(zone).Format(timeFormat)
	if t.IsZero() {
		text = strings.Repeat(" ", len(text)-1) + "-"
	}
	if p.Out.Colour {
		return paint(dst, faint, text)
	}
	return append(dst, text...)
}

// trimNewline takes off the newline that some providers leave at the end.
func trimNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}
