package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestFromURLs(t *testing.T) {
	cfg, err := FromURLs(KindLogmux, "https://user:secret@faas.example.com/", "http://[::1]:8080/logs/a%20b", "dns+http://netes:8081")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range cfg.Upstreams {
		names = append(names, u.Name)
		if u.Kind != KindLogmux || !reflect.DeepEqual(u.Traits, presets[KindLogmux]) {
			t.Errorf("%s: got %+v", u.Name, u.Settings)
		}
	}
	if want := []string{"faas.example.com", "::1:8080/logs/a-b", "netes:8081"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got names %q, want %q", names, want)
	}

	// The file with the same in it.
	same, err := Parse("file", []byte("upstreams:\n- {name: a, kind: logmux, url: 'https://user:secret@faas.example.com/'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Upstreams = cfg.Upstreams[:1]
	cfg.Upstreams[0].Name = "a"
	if !reflect.DeepEqual(cfg, same) {
		t.Errorf("got %+v, want %+v", cfg, same)
	}
}

func TestFromURLsProblems(t *testing.T) {
	for _, tt := range []struct {
		urls []string
		want string
	}{
		{[]string{"http://a", "secret"}, "URL 2 must start with http:// or https://"},
		{[]string{""}, "URL 1 must start with http:// or https://"},
		{[]string{"http://user:secret@"}, "URL 1 has no host"},
		{[]string{"http://a/system/logs"}, "URL 1 must not end in /system/logs, which is added"},
		{[]string{"http://a", "http://b", "http://user:secret@a/"}, "URL 3 leads to the same provider as URL 1"},
	} {
		_, err := FromURLs(KindGeneric, tt.urls...)
		if err == nil || err.Error() != tt.want || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %s", tt.urls, err, tt.want)
		}
	}
}
