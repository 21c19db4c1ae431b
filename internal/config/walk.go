package config

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"gopkg.in/yaml.v3"
)

// A walker puts YAML nodes into Go values, guided by the yaml, check and file tags of struct fields.
// It goes on after a problem, and leaves the value it belongs to as it was.
type walker struct {
	file     string
	problems Problems
	nodes    map[string]*yaml.Node // by key path, where each value stands; the last one of duplicates
	broken   map[string]bool       // by key path, the values that could not be used
	told     map[finding]bool
	again    bool // it was all read before: the files that are named are not looked at, they may have changed since
}

// A finding is what makes two problems one: the same place in the file, met again through an alias or a merge.
type finding struct {
	line, column int
	key, message string
}

func newWalker(file string) *walker {
	return &walker{file: file, nodes: map[string]*yaml.Node{}, broken: map[string]bool{}, told: map[finding]bool{}}
}

func (w *walker) add(at *yaml.Node, key, format string, args ...any) {
	p := Problem{File: w.file, Line: at.Line, Key: key, Message: fmt.Sprintf(format, args...)}
	f := finding{at.Line, at.Column, lastName(key), p.Message}
	if !w.told[f] {
		w.problems = append(w.problems, p)
		w.told[f] = true
	}
}

// value puts n into v, or tells why it cannot be.
func (w *walker) value(key string, tag reflect.StructTag, n *yaml.Node, v reflect.Value) (ok bool) {
	w.nodes[key] = n
	err := w.put(key, tag, resolved(n), v)
	if content := tag.Get("file"); err == nil && content != "" && !w.again {
		err = checkFile(v.String(), contents[content]) // the name is kept: it is given, for rules over several keys
	}
	if err != nil {
		w.add(n, key, "%s", err)
		w.broken[key] = true
	}
	return err == nil
}

// put returns what is wrong with n itself. What is wrong inside of it is told already.
func (w *walker) put(key string, tag reflect.StructTag, n *yaml.Node, v reflect.Value) error {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		// The tag is not repeated: it may be the start of an unquoted password.
		return errors.New("YAML tags have no meaning here, a value that starts with ! needs quotes")
	case v.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		w.mapping(key, n, v)
	case v.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		w.headers(key, n, v)
	case v.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		w.list(key, tag, n, v)
	case wanted(v) == yaml.ScalarNode && n.Kind == yaml.ScalarNode && !isNull(n):
		return setScalar(v, n, tag.Get("check"))
	default:
		return fmt.Errorf("must be %s, not %s", kindNames[wanted(v)], described(n))
	}
	return nil
}

func (w *walker) mapping(key string, n *yaml.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for _, e := range w.entries(key, n) {
		path := joined(key, e.name)
		field, known := fields.named(e.name)
		if !known {
			w.add(e.key, path, "%s", unknownKey(key, e.name, fields))
			continue
		}
		w.value(path, field.Tag, e.value, v.FieldByIndex(field.Index))
	}
}

// list replaces what v held. An empty list is nil, so that it equals a default.
func (w *walker) list(key string, tag reflect.StructTag, n *yaml.Node, v reflect.Value) {
	v.SetZero()
	for i, item := range n.Content {
		elem := reflect.New(v.Type().Elem()).Elem()
		w.value(fmt.Sprintf("%s[%d]", key, i), tag, item, elem)
		v.Set(reflect.Append(v, elem))
	}
}

// headers adds to what v holds. It is the only mapping with free keys, and those ignore case.
func (w *walker) headers(key string, n *yaml.Node, v reflect.Value) {
	given := map[string]string{} // canonical name to the file's spelling
	for _, e := range w.entries(key, n) {
		path := joined(key, e.name)
		if err := checkHeaderName(e.name); err != nil {
			w.add(e.key, path, "%s", err)
			continue
		}
		name := http.CanonicalHeaderKey(e.name)
		if spelling, again := given[name]; again {
			if !e.merged && spelling != e.name { // equal ones are told already
				w.add(e.key, path, "duplicate key: header names ignore case")
			}
			continue
		}
		given[name] = e.name
		text := reflect.New(v.Type().Elem()).Elem()
		if w.value(path, `check:"header"`, e.value, text) {
			w.nodes[joined(key, name)] = e.value // rules over several keys know its canonical name only
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(name), text)
		}
	}
}

// fieldSet is a struct's fields that have a key in the file, those of embedded structs included.
type fieldSet []reflect.StructField

func fieldsOf(t reflect.Type) fieldSet {
	var fields fieldSet
	for _, f := range reflect.VisibleFields(t) {
		if f.Tag.Get("yaml") != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

func (fs fieldSet) named(key string) (reflect.StructField, bool) {
	for _, f := range fs {
		if f.Tag.Get("yaml") == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

var kindNames = map[yaml.Kind]string{
	yaml.MappingNode:  "a mapping",
	yaml.SequenceNode: "a list",
	yaml.ScalarNode:   "a single value",
}

func wanted(v reflect.Value) yaml.Kind {
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		return yaml.MappingNode
	case reflect.Slice:
		return yaml.SequenceNode
	default:
		return yaml.ScalarNode
	}
}

func described(n *yaml.Node) string {
	if isNull(n) {
		return "empty; leave the key out to keep its default"
	}
	return kindNames[n.Kind]
}
