package line

import (
	"bytes"
	"strings"
)

// parsed is what of a line matters to where it goes.
type parsed struct {
	key     int64
	id      uint64 // if Options.IDs
	wanted  bool   // by instance and namespace
	warning bool   // an inner logmux's

	canonical *fields // nil if the line is of another shape
}

// parse fills m, which is zero, and reports false where the line is no message.
func (r *Reader) parse(line []byte, m *parsed) bool {
	f := &r.fields
	if !r.scanner.scan(line, f) {
		return r.parseAny(line, m)
	}
	in := r.keys.of(f.instance)
	if in.logmux && bytes.HasPrefix(f.text, []byte(WarningPrefix)) {
		m.warning = true
		return true
	}
	r.keys.madeUp = false
	r.took(in, f.key)
	ns := r.opts.Filter.Namespace
	m.key, m.canonical = f.key, f
	m.wanted = in.wanted && (ns == "" || len(f.namespace) == 0 || string(f.namespace) == ns)
	if r.opts.IDs && m.wanted {
		m.id = identity(f.key, f.instance, f.text)
	}
	return true
}

// parseAny takes a line of any shape to encoding/json.
func (r *Reader) parseAny(line []byte, m *parsed) bool {
	message, err := decode(line)
	if err != nil {
		return false
	}
	in := r.keys.of([]byte(message.Instance))
	if in.logmux && strings.HasPrefix(message.Text, WarningPrefix) {
		m.warning = true
		return true
	}
	id := Key(message.Timestamp)
	if m.key = id; message.Timestamp.IsZero() {
		m.key, id = r.keys.missing(in, r.opts.Now)
	} else {
		r.keys.madeUp = false
	}
	r.took(in, m.key)
	ns := r.opts.Filter.Namespace
	m.id = identity(id, []byte(message.Instance), []byte(message.Text))
	m.wanted = in.wanted && (ns == "" || message.Namespace == "" || message.Namespace == ns)
	return true
}
