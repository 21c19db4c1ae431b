package readme_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var keyRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (?:`(.*?)`)? ?\\|")

// TestConfiguration holds the reference to the example, which is held to the code:
// the same keys with the same defaults.
func TestConfiguration(t *testing.T) {
	var example yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, "config.example.yaml")), &example); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	leaves(example.Content[0], "", want)
	got := map[string]string{}
	for _, row := range keyRow.FindAllStringSubmatch(read(t, "docs/configuration.md"), -1) {
		if _, twice := got[row[1]]; twice {
			t.Errorf("%s is there twice", row[1])
		}
		got[row[1]] = row[2]
	}
	for key, shown := range want {
		switch documented, ok := got[key]; {
		case !ok:
			t.Errorf("%s is missing", key)
		case slices.Contains([]string{"name", "url"}, key): // the example has to give them a value
		case documented != shown:
			t.Errorf("%s: got the default %s, want %s", key, documented, shown)
		}
		delete(got, key)
	}
	for key := range got {
		t.Errorf("there is no key %s", key)
	}
}

// leaves are the keys below a node with their values as they are written.
func leaves(n *yaml.Node, path string, found map[string]string) {
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		for i := 0; i < len(n.Content); i += 2 {
			leaves(n.Content[i+1], strings.TrimPrefix(path+"."+n.Content[i].Value, "."), found)
		}
	case path == "upstreams":
		leaves(n.Content[0], "", found)
	case n.Kind == yaml.MappingNode:
		found[path] = "{}"
	case n.Kind == yaml.SequenceNode:
		found[path] = "[]"
	case n.Style == yaml.DoubleQuotedStyle:
		found[path] = `"` + n.Value + `"`
	default:
		found[path] = n.Value
	}
}
