package config

import (
	"maps"
	"strings"
	"testing"
	"time"
)

func TestPrecedence(t *testing.T) {
	for _, tt := range []struct {
		name, defaults, own string
		kind                Kind
		slack               time.Duration
		tail                TailMode
	}{
		{"built-in", "", "", KindFaasNetes, 2 * time.Second, TailNewest},
		{"kind", "", "kind: openfaas-loki", KindOpenFaaSLoki, 0, TailOldest},
		{"kind in defaults", "kind: faasd", "", KindFaasd, 2 * time.Second, TailAll},
		{"own kind over that of defaults", "kind: faasd", "kind: logmux", KindLogmux, 0, TailNewest},
		{"defaults over kind", "since_slack: 7s", "kind: openfaas-loki", KindOpenFaaSLoki, 7 * time.Second, TailOldest},
		{"defaults over kind in defaults", "{since_slack: 7s, kind: openfaas-loki}", "", KindOpenFaaSLoki, 7 * time.Second, TailOldest},
		{"own over kind", "", "{kind: openfaas-loki, since_slack: 9s}", KindOpenFaaSLoki, 9 * time.Second, TailOldest},
		{"own over defaults", "since_slack: 7s", "{kind: faasd, since_slack: 0}", KindFaasd, 0, TailAll},
		{"own over all, equal to the built-in", "tail_mode: all", "{kind: openfaas-loki, tail_mode: newest}", KindOpenFaaSLoki, 0, TailNewest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			braced := func(keys string) string { return "{" + strings.Trim(keys, "{}") + "}" }
			src := "defaults: " + braced(tt.defaults) + "\nupstreams:\n  - <<: " + braced(tt.own) + "\n    name: eu\n    url: http://eu\n"
			u := mustParse(t, src).Upstreams[0]
			if u.Kind != tt.kind || u.SinceSlack != tt.slack || u.TailMode != tt.tail {
				t.Errorf("got %s %s %s, want %s %s %s", u.Kind, u.SinceSlack, u.TailMode, tt.kind, tt.slack, tt.tail)
			}
		})
	}
}

func TestEveryKindHasItsPreset(t *testing.T) {
	if len(presets) != len(Kind("").choices()) {
		t.Errorf("got %d presets, want %d", len(presets), len(Kind("").choices()))
	}
	for _, kind := range Kind("").choices() {
		u := mustParse(t, upstream("kind: "+kind)).Upstreams[0]
		if u.Kind != Kind(kind) || u.Traits != presets[u.Kind] || u.TailMode == "" || u.FollowMode == "" {
			t.Errorf("%s: got %+v, want %+v", kind, u.Traits, presets[u.Kind])
		}
	}
	if presets[KindGeneric] != presets[defaultKind] {
		t.Error("generic is not the built-in defaults")
	}
}

func TestMappingsMergeKeyByKeyAndListsReplace(t *testing.T) {
	cfg := mustParse(t, `
defaults:
  match: {namespaces: [a, b], names: [x]}
  labels: {namespace: fn}
  headers: {X-A: "1", X-B: "2"}
  retry: {max: 5, max_wait: 3s}
  breaker: {failures: 9, open_for: 1m}
  tls: {server_name: a, insecure_skip_verify: true}
upstreams:
  - {name: own, url: https://a, match: {namespaces: [c]}, labels: {instance_prefix: p}, headers: {x-b: "3"}, retry: {max: 0},
     breaker: {failures: 0}, tls: {insecure_skip_verify: false}}
  - {name: cleared, url: http://a, match: {namespaces: []}, labels: {namespace: ""}, headers: {}}
  - {name: plain, url: http://a}
`)
	own, cleared, plain := cfg.Upstreams[0], cfg.Upstreams[1], cfg.Upstreams[2]
	if got := strings.Join(own.Match.Namespaces, " ") + "|" + strings.Join(own.Match.Names, " "); got != "c|x" {
		t.Errorf("own match: got %s, want c|x", got)
	}
	if want := (Labels{Namespace: "fn", InstancePrefix: "p"}); own.Labels != want {
		t.Errorf("own labels: got %+v, want %+v", own.Labels, want)
	}
	if want := map[string]string{"X-A": "1", "X-B": "3"}; !maps.Equal(own.Headers, want) {
		t.Errorf("own headers: got %v, want %v", own.Headers, want)
	}
	if want := (Retry{Max: 0, MinWait: 100 * time.Millisecond, MaxWait: 3 * time.Second}); own.Retry != want {
		t.Errorf("own retry: got %+v, want %+v", own.Retry, want)
	}
	if want := (Breaker{Failures: 0, OpenFor: time.Minute}); own.Breaker != want {
		t.Errorf("own breaker: got %+v, want %+v", own.Breaker, want)
	}
	if want := (TLS{ServerName: "a"}); own.TLS != want {
		t.Errorf("own tls: got %+v, want %+v", own.TLS, want)
	}
	if len(cleared.Match.Namespaces) != 0 || cleared.Labels.Namespace != "" || len(cleared.Headers) != 2 {
		t.Errorf("cleared: got %+v", cleared.Settings)
	}
	if len(plain.Match.Namespaces) != 2 || plain.Headers["X-B"] != "2" || plain.Retry.Max != 5 {
		t.Errorf("plain: got %+v", plain.Settings)
	}
}

func TestAuthIsReplacedAsAWhole(t *testing.T) {
	f := newFiles(t)
	cfg := mustParse(t, f.in(`
defaults: {auth: {user_file: $user, password_file: $password}}
upstreams:
  - {name: plain, url: https://a}
  - {name: own, url: https://a, auth: {token_file: $token}}
  - {name: none, url: https://a, auth: {}}
  - &forward {name: forward, url: https://a, auth: {forward: true}}
  - {name: merged, <<: *forward}
  - {name: merged-auth, url: https://a, auth: {<<: {token_file: $token}}}
`))
	for i, want := range []Auth{
		{UserFile: f["user"], PasswordFile: f["password"]}, {TokenFile: f["token"]}, {}, {Forward: true}, {Forward: true}, {TokenFile: f["token"]},
	} {
		if got := cfg.Upstreams[i]; got.Auth != want {
			t.Errorf("%s: got %+v, want %+v", got.Name, got.Auth, want)
		}
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	cfg := mustParse(t, `
upstreams:
  - &base {name: a, url: http://a, dial_timeout: &short 1s, headers: {X-A: "1"}, retry: &retry {max: 7}}
  - {<<: *base, name: b, headers: {x-a: "2", <<: {X-A: "3", X-B: "4"}}}
  - {name: c, <<: [{kind: faasd}, *base, {kind: logmux, overlap: 9s}], idle_timeout: *short}
  - {name: d, url: http://d, retry: *retry}
`)
	b, c, d := cfg.Upstreams[1], cfg.Upstreams[2], cfg.Upstreams[3]
	if b.Name != "b" || b.URL.Host != "a" || b.DialTimeout != time.Second || b.Retry.Max != 7 {
		t.Errorf("b: got %+v", b)
	}
	if want := map[string]string{"X-A": "2", "X-B": "4"}; !maps.Equal(b.Headers, want) {
		t.Errorf("b: got headers %v, want %v", b.Headers, want)
	}
	if c.Name != "c" || c.Kind != KindFaasd || c.Overlap != 9*time.Second || c.IdleTimeout != time.Second {
		t.Errorf("c: got %+v", c)
	}
	if d.Retry.Max != 7 {
		t.Errorf("d: got %+v", d.Retry)
	}
}

func TestProblemsThroughAliases(t *testing.T) {
	// Where it is written, and once.
	expect(t, `upstreams:
  - &base
    name: a
    url: http://a
    dial_timeout: &three 3
    retries: 1
  - {<<: *base, name: b}
  - {<<: *base, name: c,
     idle_timeout: *three}
`,
		`5: upstreams[0].dial_timeout: "3" has no unit, write 3s`,
		`6: upstreams[0].retries: unknown key`,
		`9: upstreams[2].idle_timeout: "3" has no unit, write 3s`,
	)
}

func TestMergesOfThemselvesEnd(t *testing.T) {
	expect(t, "defaults: &d {<<: *d, retry: *d}\n"+minimal, "1: defaults.retry.retry: unknown key")
	// Each level would double the work of the one below.
	src := "defaults: {retry: {<<: &l0 {max: 1}}}\n" + upstream("<<:\n")
	for i := 1; i < 40; i++ {
		prev := string(rune('@' + i))
		if i == 1 {
			prev = "l0"
		}
		src += "      - &" + string(rune('@'+i+1)) + " {<<: [*" + prev + ", *" + prev + "]}\n"
	}
	if _, err := Parse("f", []byte(src)); err == nil {
		t.Error("max is no key of an upstream, want a problem")
	}
}
