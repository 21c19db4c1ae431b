package config

import (
	"os"
	"reflect"
	"testing"
)

// Every key stands in config.example.yaml, and shows what the code uses where it is left out.
func TestExampleShowsEveryDefault(t *testing.T) {
	const path = "../../config.example.yaml"
	cfg, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWalker(path)
	var doc document
	w.value("", "", w.read(src), reflect.ValueOf(&doc).Elem())

	want := document{Server: defaultServer(), Query: defaultQuery()}
	want.Upstreams = []Upstream{{Name: cfg.Upstreams[0].Name, URL: cfg.Upstreams[0].URL, Settings: defaultSettings(defaultKind)}}
	compared := compareShown(t, w, "", reflect.ValueOf(doc), reflect.ValueOf(want))
	if compared < 60 {
		t.Errorf("only %d keys were compared", compared)
	}
	if len(cfg.Upstreams) != 1 {
		t.Errorf("got %d upstreams, want 1", len(cfg.Upstreams))
	}
	if !reflect.DeepEqual(doc.Defaults, Settings{}) {
		t.Errorf("defaults: got %+v, want {}", doc.Defaults)
	}
}

func compareShown(t *testing.T, w *walker, path string, shown, want reflect.Value) (compared int) {
	for _, f := range fieldsOf(want.Type()) {
		key := joined(path, f.Tag.Get("yaml"))
		got, want := shown.FieldByIndex(f.Index), want.FieldByIndex(f.Index)
		switch {
		case w.nodes[key] == nil:
			t.Errorf("%s is not in the example", key)
		case key == "defaults":
		case key == "upstreams":
			compared += compareShown(t, w, key+"[0]", got.Index(0), want.Index(0))
		case f.Type.Kind() == reflect.Struct:
			compared += compareShown(t, w, key, got, want)
		default:
			compared++
			if !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Errorf("%s: the example shows %v, the default is %v", key, got, want)
			}
		}
	}
	return compared
}
