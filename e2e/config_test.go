package e2e_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// TestWhatIsAsked looks at the provider's side of a request: presets, `defaults` and an upstream's own keys have effect.
func TestWhatIsAsked(t *testing.T) {
	const slack = 2 * time.Second
	since := time.Now().Add(-90 * time.Second)
	for _, tt := range []struct {
		name, config string // of the upstream, or with `defaults` in the line before
		request
		tail     string
		earlier  time.Duration // than since
		instance string
	}{
		{"faas-netes by default", "", request{tail: 7, since: since}, "7", slack, ""},
		{"faas-netes with an instance it ignores", "", request{tail: 7, instance: "pod"}, "", 0, "pod"},
		{"faas-netes, all", "", request{tail: -1}, "", 0, ""},
		{"faasd is asked for no tail", "kind: faasd", request{tail: 7, since: since}, "", slack, ""},
		{"faasd of a new systemd", "kind: faasd, tail_mode: newest", request{tail: 7}, "7", 0, ""},
		{"openfaas-loki", "kind: openfaas-loki", request{tail: 7, since: since, instance: "pod"}, "5000", 0, "pod"},
		{"openfaas-loki with its own cap", "kind: openfaas-loki, max_limit: 50", request{tail: 7}, "50", 0, ""},
		{"openfaas-loki, all", "kind: openfaas-loki", request{}, "5000", 0, ""},
		{"logmux", "kind: logmux", request{tail: 7, since: since, instance: "pod"}, "7", 0, "pod"},
		{"generic", "kind: generic", request{tail: 7, since: since}, "7", slack, ""},
		{"generic with an instance", "kind: generic", request{tail: 7, instance: "pod"}, "", 0, "pod"},
		{"generic that honours it", "kind: generic, honours_instance: true", request{tail: 7, instance: "pod"}, "7", 0, "pod"},
		{"a larger slack", "since_slack: 10s", request{since: since}, "", 10 * time.Second, ""},
		{"no slack", "since_slack: 0", request{since: since}, "", 0, ""},
	} {
		for _, where := range []string{"own", "defaults"} {
			t.Run(tt.name+", "+where, func(t *testing.T) {
				url, asked := recorded(t, answers())
				config := "upstreams: [{name: one, url: $one, " + tt.config + "}]"
				if where == "defaults" {
					config = "defaults: {" + tt.config + "}\nupstreams: [{name: one, url: $one}]"
				}
				tt.request.name, tt.namespace = "fn", "prod"
				start(t, config, hosts{"one": url}).logs(tt.request).ok().silent().has(nil)
				queries := asked.Queries()
				if len(queries) != 1 {
					t.Fatalf("asked %d times, want once", len(queries))
				}
				got := queries[0]
				if got.Get("tail") != tt.tail || got.Get("instance") != tt.instance || got.Get("name") != "fn" || got.Get("namespace") != "prod" {
					t.Errorf("asked with %v, want the tail %q and the instance %q", got, tt.tail, tt.instance)
				}
				checkSince(t, got, tt.since, tt.earlier)
			})
		}
	}
}

func checkSince(t *testing.T, got url.Values, since time.Time, earlier time.Duration) {
	t.Helper()
	if since.IsZero() {
		if got.Has("since") {
			t.Errorf("asked since %s, want nothing", got.Get("since"))
		}
		return
	}
	if at := askedSince(t, got); !at.Equal(since.Add(-earlier)) {
		t.Errorf("asked since %v, want %v", at, since.Add(-earlier))
	}
}

// TestLayers has a key in `defaults` that goes before a kind's preset, and an upstream's own that goes before that.
func TestLayers(t *testing.T) {
	to, asked := hosts{}, map[string]*sample.Recorder{}
	for _, name := range []string{"a", "b", "c"} {
		provider := &sample.Faults{Handler: answers()}
		provider.Set(sample.Refuse(http.StatusServiceUnavailable, nil))
		to[name], asked[name] = recorded(t, provider)
	}
	logmux := start(t, `
defaults:
  kind: faasd
  tail_mode: newest
  headers: {X-Team: logs}
  retry: {max: 3, min_wait: 1ms, max_wait: 2ms}
upstreams:
  - {name: a, url: $a}
  - {name: b, url: $b, tail_mode: all, retry: {max: 0}}
  - {name: c, url: $c, kind: faas-netes, headers: {X-Other: here}, retry: {max: 1}}
`, to)
	got := logmux.logs(request{name: "fn", tail: 3})
	if got.status != http.StatusBadGateway {
		t.Errorf("status %d, want 502", got.status)
	}
	got.says("Failed", "a=status-503,b=status-503,c=status-503")
	for name, want := range map[string]struct {
		tries       int
		tail        string
		team, other string
	}{
		"a": {4, "3", "logs", ""},
		"b": {1, "", "logs", ""},
		"c": {2, "3", "logs", "here"},
	} {
		queries, headers := asked[name].Queries(), asked[name].Headers()
		if len(queries) != want.tries {
			t.Errorf("%s: asked %d times, want %d", name, len(queries), want.tries)
			continue
		}
		if got := queries[0].Get("tail"); got != want.tail {
			t.Errorf("%s: tail %q, want %q", name, got, want.tail)
		}
		if team, other := headers[0].Get("X-Team"), headers[0].Get("X-Other"); team != want.team || other != want.other {
			t.Errorf("%s: X-Team %q and X-Other %q, want %q and %q", name, team, other, want.team, want.other)
		}
	}
}

// TestTimeouts are those of the config: one hangs before its header, one behind its lines.
func TestTimeouts(t *testing.T) {
	store := &sample.Store{}
	lines := []sample.Line{
		{Instance: "p", Time: time.Now().Add(-2 * time.Minute), Text: "one"},
		{Instance: "p", Time: time.Now().Add(-1 * time.Minute), Text: "two"},
	}
	store.Append("fn", lines...)
	faulty := func(fault sample.Fault) string {
		f := &sample.Faults{Handler: &sample.FaasNetes{Store: store}}
		f.Set(fault)
		return serve(t, f)
	}
	logmux := start(t, `
defaults: {header_timeout: 300ms, idle_timeout: 300ms, retry: {max: 0}}
upstreams:
  - {name: mute, url: $mute}
  - {name: stuck, url: $stuck}
  - {name: slow, url: $slow, header_timeout: 10s}
`, hosts{"mute": faulty(sample.HangBeforeHeader()), "stuck": faulty(sample.HangAfter(1)), "slow": faulty(sample.Delay(600 * time.Millisecond))})
	r := request{name: "fn"}
	wires := netesHabit.expect(r, lines)
	logmux.logs(r).ok().says("Ok", "slow").says("Failed", "mute=timeout,stuck=timeout").
		warns([]string{"mute", "timeout", "missing"}, []string{"stuck", "timeout", "incomplete"}).
		has([]string{wires[0], wires[0], wires[1]})
}

// TestStaticExample has faas-provider's own example, which never ends an answer.
func TestStaticExample(t *testing.T) {
	logmux := start(t, "upstreams: [{name: static, kind: generic, idle_timeout: 300ms, url: $static}]",
		hosts{"static": serve(t, &sample.Static{})})
	got := logmux.ask("name=fn&namespace=ns").ok().says("Failed", "static=timeout").warns([]string{"static", "timeout"})
	checkTexts(t, got, []string{"fake msg1", "fake msg2", "fake something interesting"})
}

func TestWarningsOff(t *testing.T) {
	config := "upstreams: [{name: up, url: $up}, {name: down, url: $down, retry: {max: 0}}]"
	to := hosts{"up": serve(t, answers()), "down": down(t)}
	off := start(t, "query: {warnings: off}\n"+config, to)
	off.ask("name=fn").ok().silent().says("Failed", "down=dial").has(nil)
	off.ask("name=fn&warnings=inline").ok().warns([]string{"down", "dial"})
	start(t, config, to).ask("name=fn&warnings=off").ok().silent().says("Failed", "down=dial")
}
