package terminal

import (
	"strings"
	"unicode/utf8"
)

// A label says who logged a line: its instance, of which the first part is the
// upstream's where it was made to tell upstreams apart.
type label struct{ upstream, instance string }

func (l label) width() int {
	return utf8.RuneCountInString(l.upstream) + utf8.RuneCountInString(l.instance)
}

// label is that of an instance.
func (p *Printer) label(instance string) label {
	text := instance
	if strings.ContainsFunc(text, isControl) {
		text = string(appendVisible(nil, text, false))
	}
	if text == "" {
		text = "-"
	}
	n := p.upstreamPart(text)
	return label{text[:n], text[n:]}
}

// upstreamPart is how much of a label is the upstream's: the longest of Prefixes
// that it starts with, or what an inner logmux may have put before a slash. A
// line that is no message has the name of its upstream for an instance.
func (p *Printer) upstreamPart(text string) int {
	part := 0
	for _, prefix := range p.Prefixes {
		if strings.HasPrefix(text, prefix) || text+"/" == prefix {
			part = max(part, min(len(prefix), len(text)))
		}
	}
	if part == 0 {
		part = strings.IndexByte(text, '/') + 1
	}
	return part
}

// maxWidth bounds the column of labels: one that is longer moves its own line's
// text and no other's.
const maxWidth = 48

// widen makes the column wide enough for a label.
func (p *Printer) widen(l label) {
	p.width = max(p.width, min(l.width(), maxWidth))
}

// appendLabel appends the label, filled up to the column's width.
func (p *Printer) appendLabel(dst []byte, l label) []byte {
	if p.Out.Colour {
		dst = paint(dst, bold(p.upstreamColour(l.upstream)), l.upstream)
		dst = paint(dst, colourOf(l.instance), l.instance)
	} else {
		dst = append(append(dst, l.upstream...), l.instance...)
	}
	for range p.width - l.width() {
		dst = append(dst, ' ')
	}
	return dst
}

// upstreamColour is that of the upstream part of a label.
func (p *Printer) upstreamColour(part string) string {
	if p.colours == nil {
		var names []string
		for _, prefix := range p.Prefixes {
			names = append(names, upstreamName(prefix))
		}
		p.colours = distinct(names)
	}
	if colour := p.colours[upstreamName(part)]; colour != "" {
		return colour
	}
	return colourOf(upstreamName(part))
}

func upstreamName(prefix string) string { return strings.TrimSuffix(prefix, "/") }
