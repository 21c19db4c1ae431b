package line

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Labels are written into lines to tell where they come from. The values hold
// no character that JSON would escape.
type Labels struct {
	// Namespace fills an empty namespace.
	Namespace string
	// InstancePrefix is put before the instance.
	InstancePrefix string
}

func (l Labels) any() bool { return l != Labels{} }

// relabel appends the line with the labels spliced in. Nothing else of it
// changes: unknown fields, number formats and escapes stay as they came.
func (m *parsed) relabel(dst, line []byte, l Labels) []byte {
	f := m.canonical
	if f == nil {
		return splice(dst, line, l)
	}
	dst = append(dst, line[:f.namespaceAt]...)
	if len(f.namespace) == 0 {
		dst = append(dst, l.Namespace...)
	}
	dst = append(dst, line[f.namespaceAt:f.instanceAt]...)
	dst = append(dst, l.InstancePrefix...)
	return append(dst, line[f.instanceAt:]...)
}

// splice relabels a message of any shape. It finds the value that encoding/json
// would take of each field: the last that is not null, whatever the key's case.
func splice(dst, line []byte, l Labels) []byte {
	namespace, instance, empty := locate(line)
	var edits []insertion
	var fields []string
	label := func(v value, key, text string) {
		if v.end == 0 {
			fields = append(fields, `"`+key+`":"`+text+`"`)
		} else {
			edits = append(edits, v.prefix(text))
		}
	}
	if l.InstancePrefix != "" {
		label(instance, "instance", l.InstancePrefix)
	}
	if l.Namespace != "" && namespace.empty {
		label(namespace, "namespace", l.Namespace)
	}
	if len(fields) > 0 {
		text := strings.Join(fields, ",")
		if !empty {
			text += ","
		}
		open := bytes.IndexByte(line, '{') + 1
		edits = append(edits, insertion{open, open, text})
	}
	slices.SortFunc(edits, func(a, b insertion) int { return a.start - b.start })
	at := 0
	for _, e := range edits {
		dst = append(append(dst, line[at:e.start]...), e.text...)
		at = e.end
	}
	return append(dst, line[at:]...)
}

// An insertion puts text in place of line[start:end].
type insertion struct {
	start, end int
	text       string
}

// A value is where a field's value stands in a line.
type value struct {
	start, end int  // with its quotes; 0, 0 if there is none
	null       bool // it is null
	empty      bool // it is "", null or not there
}

// prefix puts text at the start of the value.
func (v value) prefix(text string) insertion {
	if v.null {
		return insertion{v.start, v.end, `"` + text + `"`}
	}
	return insertion{v.start + 1, v.start + 1, text}
}

// locate finds the two fields of an object, which may be empty.
func locate(line []byte) (namespace, instance value, empty bool) {
	namespace.empty, instance.empty, empty = true, true, true
	d := json.NewDecoder(bytes.NewReader(line))
	_, err := d.Token() // the brace
	for err == nil && d.More() {
		var key json.Token
		var raw json.RawMessage
		if key, err = d.Token(); err == nil {
			err = d.Decode(&raw)
		}
		end := int(d.InputOffset())
		v := value{end - len(raw), end, string(raw) == "null", string(raw) == "null" || string(raw) == `""`}
		name, _ := key.(string)
		empty = false
		switch {
		case strings.EqualFold(name, "namespace"):
			namespace.set(v)
		case strings.EqualFold(name, "instance"):
			instance.set(v)
		}
	}
	return namespace, instance, empty
}

// set takes a further value: null leaves a field as it is.
func (v *value) set(next value) {
	if v.end == 0 || v.null || !next.null {
		*v = next
	}
}
