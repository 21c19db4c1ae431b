package line

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestLabels(t *testing.T) {
	both := Labels{Namespace: "fn", InstancePrefix: "eu/"}
	stamp := `"timestamp":"2026-11-22T12:00:00Z"`
	tests := []struct {
		name, in, want string
		labels         Labels
	}{
		{"canonical", `{"name":"f","namespace":"","instance":"a",` + stamp + `,"text":"\u003c"}`,
			`{"name":"f","namespace":"fn","instance":"eu/a",` + stamp + `,"text":"\u003c"}`, both},
		{"a namespace stays", `{"name":"f","namespace":"x","instance":"",` + stamp + `,"text":""}`,
			`{"name":"f","namespace":"x","instance":"eu/",` + stamp + `,"text":""}`, both},
		{"only a namespace", `{"name":"f","namespace":"","instance":"a",` + stamp + `,"text":""}`,
			`{"name":"f","namespace":"fn","instance":"a",` + stamp + `,"text":""}`, Labels{Namespace: "fn"}},
		{"any shape", `{ "n": 1.50, "INSTANCE" : "a", "namespace":"" , "x":{"instance":"no"} }`,
			`{ "n": 1.50, "INSTANCE" : "eu/a", "namespace":"fn" , "x":{"instance":"no"} }`, both},
		{"fields that are missing", `{"n":1}`, `{"instance":"eu/","namespace":"fn","n":1}`, both},
		{"an empty object", `{}`, `{"instance":"eu/","namespace":"fn"}`, both},
		{"null", `{"instance":null,"namespace":null}`, `{"instance":"eu/","namespace":"fn"}`, both},
		{"the last of equal keys", `{"instance":"a","Instance":"b","instance":null}`,
			`{"namespace":"fn","instance":"a","Instance":"eu/b","instance":null}`, both},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := read(t, strings.NewReader(test.in+"\n"), Options{Labels: test.labels})
			if want := []string{test.want + "\n"}; !slices.Equal(got.lines, want) {
				t.Errorf("got  %q\nwant %q", got.lines, want)
			}
		})
	}
}

func TestLabelsOfManyLines(t *testing.T) {
	var in, want []string
	for i := range 5000 {
		line := at("a", 0, strings.Repeat("x", i%700))
		if i%1000 == 999 {
			in, want = append(in, "malformed\n"), append(want, wrapped(0, "malformed"))
			continue
		}
		in = append(in, line)
		want = append(want, strings.Replace(line, `"instance":"a"`, `"instance":"eu/a"`, 1))
	}
	for _, fill := range []bool{false, true} {
		got := read(t, strings.NewReader(strings.Join(in, "")), Options{Labels: Labels{InstancePrefix: "eu/"}, Fill: fill, BlockSize: 8 << 10})
		if !slices.Equal(got.lines, want) {
			t.Errorf("fill %v: %d lines, want %d, relabelled", fill, len(got.lines), len(want))
		}
	}
}

// FuzzLabels: a relabelled line decodes, to the same message but for the labels.
func FuzzLabels(f *testing.F) {
	f.Add(`{"instance":"a","Instance":"b"}`)
	f.Add(` {"namespace":null , "text":"x"}`)
	f.Add(`{"ıNSTANCE":"a","name\u0073pace":""}`)
	labels := Labels{Namespace: "fn", InstancePrefix: "eu/"}
	f.Fuzz(func(t *testing.T, line string) {
		want, err := decode([]byte(line))
		if err != nil {
			return
		}
		want.Instance = labels.InstancePrefix + want.Instance
		if want.Namespace == "" {
			want.Namespace = labels.Namespace
		}
		var m parsed
		out := m.relabel(nil, []byte(line), labels)
		got, err := decode(out)
		if err != nil || !json.Valid(out) {
			t.Fatalf("%s became %s: %v", line, out, err)
		}
		if !got.Timestamp.Equal(want.Timestamp) || got.Instance != want.Instance || got.Namespace != want.Namespace || got.Text != want.Text || got.Name != want.Name {
			t.Fatalf("%s became %s: got %+v, want %+v", line, out, got, want)
		}
	})
}

func TestIdentity(t *testing.T) {
	var i Identifier
	id := func(line string) uint64 { return i.Identity(5, []byte(line)) }
	base := `{"name":"f","namespace":"","instance":"a","timestamp":"2026-11-22T12:00:00Z","text":"\u003cb\u003e é"}`
	for name, line := range map[string]string{
		"the same":      base,
		"a newline":     base + "\r\n",
		"in text":       strings.Replace(base, `é"`, `é\n"`, 1),
		"no escapes":    strings.Replace(base, `\u003cb\u003e`, `<b>`, 1),
		"other order":   `{"text":"<b> é","instance":"a"}`,
		"a namespace":   strings.Replace(base, `"namespace":""`, `"namespace":"fn"`, 1),
		"a later shape": strings.Replace(base, `{"name"`, `{ "name"`, 1),
	} {
		if id(line) != id(base) {
			t.Errorf("%s: %s is told apart from %s", name, line, base)
		}
	}
	for name, line := range map[string]string{
		"text":     strings.Replace(base, `é`, `e`, 1),
		"instance": strings.Replace(base, `"a"`, `"b"`, 1),
		"newlines": strings.Replace(base, `é"`, `é\n\n"`, 1),
		"an n":     strings.Replace(base, `é"`, `é\\n"`, 1),
	} {
		if id(line) == id(base) {
			t.Errorf("%s: %s is not told apart from %s", name, line, base)
		}
	}
}
