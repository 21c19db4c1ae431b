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

// parse reports false where the line is no message.
func (r *Reader) parse(line []byte) (parsed, bool) {
	f := &r.fields
	if !r.scanner.scan(line, f) {
		return r.parseAny(line)
	}
	in := r.keys.of(f.instance)
	if in.logmux && bytes.HasPrefix(f.text, []byte(WarningPrefix)) {
		return parsed{warning: true}, true
	}
	r.took(in, f.key)
	ns := r.opts.Filter.Namespace
	wanted := in.wanted && (ns == "" || len(f.namespace) == 0 || string(f.namespace) == ns)
	m := parsed{key: f.key, wanted: wanted, canonical: f}
	if r.opts.IDs && wanted {
		m.id = identity(f.key, f.instance, f.text)
	}
	return m, true
}

// parseAny takes a line of any shape to encoding/json.
func (r *Reader) parseAny(line []byte) (parsed, bool) {
	m, err := decode(line)
	if err != nil {
		return parsed{}, false
	}
	in := r.keys.of([]byte(m.Instance))
	if in.logmux && strings.HasPrefix(m.Text, WarningPrefix) {
		return parsed{warning: true}, true
	}
	var key int64
	if m.Timestamp.IsZero() {
		key = r.keys.missing(in, r.opts.Now)
	} else {
		key = Key(m.Timestamp)
	}
	r.took(in, key)
	ns := r.opts.Filter.Namespace
	return parsed{
		key:    key,
		id:     identity(key, []byte(m.Instance), []byte(m.Text)),
		wanted: in.wanted && (ns == "" || m.Namespace == "" || m.Namespace == ns),
	}, true
}
