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
server:
  memory_limit: 1.5GiB
  shutdown_timeout: 0
  max_queue_wait: 0
  max_requests: 3
  reload_endpoint: true
  passthrough: http://gateway:8080/base
query: {warnings: off, spill_dir: /, timeout: 1h30m, spill_limit: 0}
upstreams:
  - name: "2024"
    url: https://user:secret@faas:8080/prefix/
    kind: generic
    required: true
    match: {namespaces: [prod-*, "[a-c]?"], names: [nodeinfo]}
    labels: {namespace: openfaas-fn, instance_prefix: "eu/a:"}
    headers: {x-scope-orgid: 7, X-Key: Bearer abc}
    max_limit: 12
    honours_instance: True
    max_line_bytes: 64 KB
    replica_group: eu
    breaker: {failures: 0, open_for: 1m}
    tls: {server_name: faas.example.com, insecure_skip_verify: true}
  - {name: plain, url: dns+http://faas.internal:8080/a, auth: {forward: true}, tls: {server_name: ""}}
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
		{"url", u.URL.Redacted(), "https://user:xxxxx@faas:8080/prefix/"},
		{"url password", u.URL.User.String(), "user:secret"},
		{"bool", u.Required, true},
		{"bool in capitals", u.HonoursInstance, true},
		{"list", strings.Join(u.Match.Namespaces, " "), "prod-* [a-c]?"},
		{"instance prefix", u.Labels.InstancePrefix, "eu/a:"},
		{"header by its canonical name", u.Headers["X-Scope-Orgid"], "7"},
		{"header with a space", u.Headers["X-Key"], "Bearer abc"},
		{"count", u.MaxLimit, 12},
		{"decimal size", u.MaxLineBytes, int64(64000)},
		{"group", u.ReplicaGroup, "eu"},
		{"wait of nothing", cfg.Server.MaxQueueWait, time.Duration(0)},
		{"count of requests", cfg.Server.MaxRequests, 3},
		{"endpoint", cfg.Server.ReloadEndpoint, true},
		{"passthrough", cfg.Server.Passthrough.String(), "http://gateway:8080/base"},
		{"breaker", u.Breaker, Breaker{Failures: 0, OpenFor: time.Minute}},
		{"tls", u.TLS, TLS{ServerName: "faas.example.com", InsecureSkipVerify: true}},
		{"every address", cfg.Upstreams[1].URL.String(), "dns+http://faas.internal:8080/a"},
		{"forward", cfg.Upstreams[1].Auth, Auth{Forward: true}},
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
