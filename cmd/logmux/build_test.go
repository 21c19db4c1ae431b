package main

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/proxy"
)

// notBuilt are the keys that mean nothing to what is made of a config.
var notBuilt = []string{
	"server.listen", // the daemon's
	"kind",          // only chooses defaults
}

var logger = slog.New(slog.DiscardHandler)

// A key is one of the config, which set gives another value than the zero one.
type key struct {
	name string
	set  func(*config.Config)
}

// keys are all of them, found by the tags that the config is read by.
func keys(t *testing.T) []key {
	of := func(prefix string, v any, in func(*config.Config) reflect.Value) []key {
		var found []key
		for path, index := range leaves(reflect.TypeOf(v)) {
			found = append(found, key{prefix + path, func(c *config.Config) {
				other(t, path, in(c).FieldByIndex(index))
			}})
		}
		return found
	}
	return slices.Concat(
		of("server.", config.Server{}, func(c *config.Config) reflect.Value { return reflect.ValueOf(&c.Server).Elem() }),
		of("query.", config.Query{}, func(c *config.Config) reflect.Value { return reflect.ValueOf(&c.Query).Elem() }),
		of("", config.Upstream{}, func(c *config.Config) reflect.Value { return reflect.ValueOf(&c.Upstreams[0]).Elem() }),
	)
}

// leaves are the keys of a struct and those inside it, with their fields.
func leaves(of reflect.Type) map[string][]int {
	found := map[string][]int{}
	for _, f := range reflect.VisibleFields(of) {
		name := f.Tag.Get("yaml")
		switch {
		case name == "":
		case f.Type.Kind() == reflect.Struct:
			for inner, index := range leaves(f.Type) {
				found[name+"."+inner] = slices.Concat(f.Index, index)
			}
		default:
			found[name] = f.Index
		}
	}
	return found
}

// other gives a field a value that is not its zero one.
func other(t *testing.T, key string, v reflect.Value) {
	t.Helper()
	switch p := v.Addr().Interface().(type) {
	case *bool:
		*p = true
	case *int:
		*p = 7
	case *int64:
		*p = 7 << 20
	case *time.Duration:
		*p = 7 * time.Second
	case *[]string:
		*p = []string{"seven"}
	case *map[string]string:
		*p = map[string]string{"X-Seven": "7"}
	case **url.URL:
		*p = &url.URL{Scheme: "https", Host: "seven"}
	case *string:
		*p = "seven"
	case *config.Warnings:
		*p = config.WarningsOff
	case *config.TailMode:
		*p = config.TailAll
	case *config.FollowMode:
		*p = config.FollowPoll
	case *config.Kind:
		*p = config.KindFaasd
	default:
		t.Fatalf("%s: what is another value of a %s?", key, v.Type())
	}
}

// plain is a config in which no key has its other value.
func plain() *config.Config {
	return &config.Config{Upstreams: []config.Upstream{{URL: &url.URL{}}}}
}

func TestEveryKeyIsOfUse(t *testing.T) {
	build := func(cfg *config.Config) []any { return []any{handler(cfg, logger), site(cfg, "name", logger)} }
	without := build(plain())
	for _, key := range keys(t) {
		cfg := plain()
		key.set(cfg)
		used := !reflect.DeepEqual(build(cfg), without)
		switch excepted := slices.Contains(notBuilt, key.name); {
		case !used && !excepted:
			t.Errorf("%s is not used", key.name)
		case used && excepted:
			t.Errorf("%s is used: take it off notBuilt", key.name)
		}
	}
}

// daemons are the fields that the daemon sets, and those that its config has no word for.
var daemons = []string{
	"Handler.Name", "Handler.Lookup", "Handler.LookupInterval", "Handler.Stopping",
	"Handler.Began", "Handler.Ended", "Handler.Failing", "Handler.Arrived",
}

// The other way round: whatever the proxy can be told, the config tells it.
func TestEveryFieldOfTheProxyIsSet(t *testing.T) {
	cfg := plain()
	for _, key := range keys(t) {
		key.set(cfg)
	}
	h := handler(cfg, logger)
	for _, name := range zeroFields(reflect.ValueOf(h).Elem(), "Handler") {
		if !slices.Contains(daemons, name) {
			t.Errorf("%s is not set", name)
		}
	}
	for _, name := range zeroFields(reflect.ValueOf(site(cfg, "name", logger)).Elem(), "Site") {
		if name != "Site.Logs" && name != "Site.Close" { // the daemon's
			t.Errorf("%s is not set", name)
		}
	}
	for _, name := range zeroFields(reflect.ValueOf(&h.Upstreams[0]).Elem(), "Upstream") {
		t.Errorf("%s is not set", name)
	}
}

// zeroFields are the exported fields, and those of structs in them, without a value.
func zeroFields(v reflect.Value, path string) []string {
	var zero []string
	for _, f := range reflect.VisibleFields(v.Type()) {
		field, name := v.FieldByIndex(f.Index), fmt.Sprintf("%s.%s", path, f.Name)
		switch {
		case !f.IsExported():
		case field.Kind() == reflect.Struct:
			zero = append(zero, zeroFields(field, name)...)
		case field.IsZero():
			zero = append(zero, name)
		}
	}
	return zero
}

func TestValuesAreTheSame(t *testing.T) {
	cfg := plain()
	for _, key := range keys(t) {
		key.set(cfg)
	}
	u, c := handler(cfg, logger).Upstreams[0], cfg.Upstreams[0]
	for _, tt := range []struct {
		key       string
		got, want any
	}{
		{"name", u.Name, c.Name},
		{"url", u.URL.String(), "https://seven"},
		{"headers", u.Header.Get("X-Seven"), "7"},
		{"retry", u.Retry, proxy.Retry{Max: 7, MinWait: 7 * time.Second, MaxWait: 7 * time.Second}},
		{"tail_mode", u.TailMode, proxy.TailAll},
		{"match", u.Match, proxy.Match{Namespaces: []string{"seven"}, Names: []string{"seven"}}},
		{"max_line_bytes", u.MaxLineBytes, 7 << 20},
		{"warnings", handler(cfg, logger).NoWarnings, true},
		{"memory_limit", handler(cfg, logger).Shared.Limit, cfg.Server.MemoryLimit},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.key, tt.got, tt.want)
		}
	}
}

func TestEveryTailModeIsKnown(t *testing.T) {
	for from, want := range map[config.TailMode]proxy.TailMode{
		config.TailNewest: proxy.TailNewest,
		config.TailOldest: proxy.TailOldest,
		config.TailAll:    proxy.TailAll,
	} {
		if got := upstream(&config.Upstream{Settings: config.Settings{Traits: config.Traits{TailMode: from}}}, logger).TailMode; got != want {
			t.Errorf("%s: got %q, want %q", from, got, want)
		}
	}
}
