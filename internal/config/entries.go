package config

import "gopkg.in/yaml.v3"

// An entry is one key of a mapping with its value.
type entry struct {
	name   string
	key    *yaml.Node
	value  *yaml.Node
	merged bool // came with <<
}

// entries are a mapping's own keys, then those merged in with <<, which only fill what is missing.
// The second of two duplicates is reported and returned as well: what it holds is looked at too.
func (w *walker) entries(path string, n *yaml.Node) []entry {
	f := flattening{w: w, path: path, has: map[string]bool{}, seen: map[*yaml.Node]bool{}}
	f.mapping(n, false)
	return f.entries
}

type flattening struct {
	w       *walker
	path    string
	entries []entry
	has     map[string]bool
	seen    map[*yaml.Node]bool // mappings can merge themselves, or one another many times over
}

func (f *flattening) mapping(n *yaml.Node, merged bool) {
	if f.seen[n] {
		return
	}
	f.seen[n] = true
	var merges []*yaml.Node
	first := map[string]int{} // line
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := resolved(key)
		if name.Kind != yaml.ScalarNode || isNull(name) {
			f.w.add(key, joined(f.path, ""), "a key must be a plain word")
			continue
		}
		line, duplicate := first[name.Value]
		if duplicate {
			f.w.add(key, joined(f.path, name.Value), "duplicate key, first given in line %d", line)
		} else {
			first[name.Value] = key.Line
		}
		if name.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if !merged || !f.has[name.Value] {
			f.entries = append(f.entries, entry{name.Value, key, value, merged})
		}
	}
	for name := range first {
		f.has[name] = true
	}
	for _, m := range merges {
		f.merge(m)
	}
}

// merge takes in the value of a <<: a mapping, or a list of them whose first has precedence.
func (f *flattening) merge(n *yaml.Node) {
	sources := []*yaml.Node{n}
	if list := resolved(n); list.Kind == yaml.SequenceNode {
		sources = list.Content
	}
	for _, source := range sources {
		m := resolved(source)
		if m.Kind != yaml.MappingNode {
			f.w.add(source, f.path, "<< can only merge a mapping or a list of mappings, not %s", described(m))
			continue
		}
		f.mapping(m, true)
	}
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
