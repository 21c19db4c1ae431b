package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// minimal is the shortest valid file.
const minimal = "upstreams: [{name: eu, url: 'https://eu.example.com'}]\n"

// upstream is a file with one valid upstream that has the given further keys.
func upstream(keys string) string {
	return "upstreams:\n  - name: eu\n    url: https://eu.example.com\n    " + strings.ReplaceAll(keys, "\n", "\n    ")
}

func mustParse(t *testing.T, src string) *Config {
	t.Helper()
	cfg, err := Parse("config.yaml", []byte(src))
	if err != nil {
		t.Fatalf("unexpected problems:\n%v", err)
	}
	return cfg
}

func TestMinimalFileHasDefaults(t *testing.T) {
	cfg := mustParse(t, minimal)
	if cfg.Server != defaultServer() || cfg.Query != defaultQuery() {
		t.Errorf("got %+v, want the defaults", cfg)
	}
	u := cfg.Upstreams[0]
	if u.Name != "eu" || u.URL.String() != "https://eu.example.com" || u.Kind != KindFaasNetes || u.DialTimeout != 3*time.Second {
		t.Errorf("got upstream %+v", u)
	}
}

func TestValuesOfEveryType(t *testing.T) {
	cfg := mustParse(t, `
server: {memory_limit: 1.5GiB, shutdown_timeout: 0}
query: {warnings: off, spill_dir: /, timeout: 1h30m, spill_limit: 0}
upstreams:
  - name: "2024"
    url: http://user:secret@faas:8080/prefix/
    kind: generic
    required: true
    match: {namespaces: [prod-*, "[a-c]?"], names: [nodeinfo]}
    labels: {namespace: openfaas-fn, instance_prefix: "eu/a:"}
    headers: {x-scope-orgid: 7, Authorization: Bearer abc}
    max_limit: 12
    honours_instance: True
    max_line_bytes: 64 KB
    replica_group: eu
`)
	u := cfg.Upstreams[0]
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"fraction of a size", cfg.Server.MemoryLimit, int64(3 << 29)},
		{"bare 0", cfg.Server.ShutdownTimeout, time.Duration(0)},
		{"word", cfg.Query.Warnings, WarningsOff},
		{"directory", cfg.Query.SpillDir, "/"},
		{"duration", cfg.Query.Timeout, 90 * time.Minute},
		{"name of digits", u.Name, "2024"},
		{"url", u.URL.Redacted(), "http://user:xxxxx@faas:8080/prefix/"},
		{"url password", u.URL.User.String(), "user:secret"},
		{"bool", u.Required, true},
		{"bool in capitals", u.HonoursInstance, true},
		{"list", strings.Join(u.Match.Namespaces, " "), "prod-* [a-c]?"},
		{"instance prefix", u.Labels.InstancePrefix, "eu/a:"},
		{"header by its canonical name", u.Headers["X-Scope-Orgid"], "7"},
		{"header with a space", u.Headers["Authorization"], "Bearer abc"},
		{"count", u.MaxLimit, 12},
		{"decimal size", u.MaxLineBytes, int64(64000)},
		{"group", u.ReplicaGroup, "eu"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good, bad, missing := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "no.yaml")
	for path, src := range map[string]string{good: minimal, bad: "\nserver: 1\n" + minimal} {
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(good); err != nil {
		t.Errorf("good file: %v", err)
	}
	for path, want := range map[string]string{
		bad:     bad + ":2: server: must be a mapping, not a single value",
		missing: missing + ": cannot be read: no such file or directory",
		dir:     dir + ": cannot be read: is a directory",
	} {
		_, err := Load(path)
		var problems Problems
		if !errors.As(err, &problems) || err.Error() != want {
			t.Errorf("got %T %v, want Problems %v", err, err, want)
		}
	}
}
