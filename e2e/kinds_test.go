package e2e_test

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// A habit is what a kind of provider makes of a request: what is to be expected is drawn from it, never from an answer.
type habit struct {
	handler func(*sample.Store) http.Handler
	// window is how far back it answers where the request has no since. Zero is everything.
	window func(request) time.Duration
	// selects says that it answers with the request's namespace only.
	selects bool
	// writes is the line as it sends it.
	writes func(name string, l sample.Line) message
	// missing is the status for a function that it does not have.
	missing int
}

func lookBack(window time.Duration) func(request) time.Duration {
	return func(request) time.Duration { return window }
}

var (
	netesHabit = habit{
		handler: func(s *sample.Store) http.Handler { return &sample.FaasNetes{Store: s, Interleave: true, Seed: 1} },
		window: func(r request) time.Duration {
			if r.tail > 0 && r.instance == "" { // with an instance it is asked for no tail
				return 0
			}
			return 5 * time.Minute
		},
		selects: true,
		writes: func(name string, l sample.Line) message {
			return message{name, "", l.Instance, l.Time.UTC(), l.Text + "\n"}
		},
		missing: http.StatusInternalServerError,
	}
	faasdHabit = habit{
		window:  lookBack(5 * time.Minute),
		selects: true,
		writes: func(name string, l sample.Line) message {
			return message{name, cmp.Or(l.Namespace, defaultNamespace), l.Instance, l.Time.UTC().Truncate(time.Microsecond), l.Text}
		},
		missing: http.StatusOK,
	}
	lokiHabit = habit{
		handler: func(s *sample.Store) http.Handler { return &sample.Loki{Store: s, Interleave: true, Seed: 2} },
		window:  lookBack(time.Hour),
		writes: func(name string, l sample.Line) message {
			return message{name, "", l.Instance, l.Time.UTC(), l.Text}
		},
		missing: http.StatusOK,
	}
)

const defaultNamespace = "openfaas-fn"

func faasd(systemd int) habit {
	h := faasdHabit
	h.handler = func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s, Systemd: systemd} }
	return h
}

// expect is the answer to a request: of what the provider's window holds, what was asked for, in order, the newest.
func (h habit) expect(r request, lines []sample.Line) []string {
	return h.choose(r, lines, h.written(r.name, lines))
}

// written are the lines as the provider sends them, each with its message.
func (h habit) written(name string, lines []sample.Line) []written {
	all := make([]written, len(lines))
	for i, l := range lines {
		m := h.writes(name, l)
		all[i] = written{m, m.wire()}
	}
	return all
}

type written struct {
	message
	wire string
}

func (h habit) choose(r request, lines []sample.Line, as []written) (wires []string) {
	var all []written
	window, now := h.window(r), time.Now()
	for i, l := range lines {
		m := as[i]
		switch {
		case h.selects && cmp.Or(l.Namespace, defaultNamespace) != cmp.Or(r.namespace, defaultNamespace):
		case r.since.IsZero() && window > 0 && l.Time.Before(now.Add(-window)):
		case m.Timestamp.Before(r.since):
		case r.instance != "" && m.Instance != r.instance:
		case r.namespace != "" && m.Namespace != "" && m.Namespace != r.namespace:
		default:
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b written) int { return a.Timestamp.Compare(b.Timestamp) })
	if r.tail > 0 {
		all = all[max(0, len(all)-r.tail):]
	}
	for _, m := range all {
		wires = append(wires, m.wire)
	}
	return wires
}

// history is what a function logged, as its pods' lines came: none near the edge of a provider's window, for time goes
// on while the test does.
func history(base time.Time) []sample.Line {
	var lines []sample.Line
	span := func(oldest, newest time.Duration, n int, pods ...string) {
		step := (oldest - newest) / time.Duration(n)
		at := base.Add(-oldest)
		for i := range n {
			if i%10 != 3 { // every tenth is of the same nanosecond as the one before, which is of the same pod
				at = at.Add(step + time.Duration(i%7)*137*time.Nanosecond)
			}
			pod, namespace, _ := strings.Cut(pods[(i/10)%len(pods)], "@")
			lines = append(lines, sample.Line{Instance: pod, Namespace: namespace, Time: at, Text: texts[i%len(texts)]})
		}
	}
	span(3*time.Hour, 2*time.Hour, 90, "cart-a", "cart-b")
	span(50*time.Minute, 7*time.Minute, 700, "cart-a", "cart-b", "cart-c", "cart-s@staging")
	span(200*time.Second, 5*time.Second, 800, "cart-a", "cart-b", "cart-c", "cart-s@staging")
	return lines
}

var texts = []string{
	"2026/01/02 03:04:05 GET /cart 200", "", "a<b && c>d", `say "hi" \o/`, "tab\tand unicode: é 日本 😀", "  spaces  ",
	`{"level":"info","timestamp":"1999-01-01T00:00:00Z","instance":"fake","text":"inner"}`, "x", "two\nlines", "\u2028",
	strings.Repeat("long ", 200),
}

// sinceWithFraction is 90 s ago, right on a line of the history, plus an offset.
func sinceWithFraction(lines []sample.Line, base time.Time, offset time.Duration) time.Time {
	for _, l := range lines {
		if l.Time.After(base.Add(-90 * time.Second)) {
			return l.Time.Add(offset)
		}
	}
	panic("no line in the last 90 s")
}

// TestKinds asks each kind of provider everything, and wants what the provider has, exactly.
func TestKinds(t *testing.T) {
	base := time.Now()
	lines := history(base)
	east := time.FixedZone("", 5*3600+1800)
	requests := []struct {
		name string
		request
	}{
		{"unlimited", request{}},
		{"since a line", request{since: sinceWithFraction(lines, base, 0)}},
		{"since right before a line", request{since: sinceWithFraction(lines, base, -1)}},
		{"since right after a line", request{since: sinceWithFraction(lines, base, 1).In(east)}},
		{"since most of a second before a line", request{since: sinceWithFraction(lines, base, -999_999_999)}},
		{"since the beginning", request{since: base.Add(-4 * time.Hour)}},
		{"since long ago, tail", request{since: base.Add(-4 * time.Hour), tail: 1234}},
		{"since 90 s ago, tail 17", request{since: sinceWithFraction(lines, base, 0), tail: 17}},
		{"since just now", request{since: base.Add(-500 * time.Millisecond)}},
		{"tail 1", request{tail: 1}},
		{"tail 5", request{tail: 5}},
		{"tail 1000", request{tail: 1000}},
		{"tail beyond all", request{tail: 100_000}},
		{"tail -1", request{tail: -1}},
		{"instance", request{instance: "cart-b"}},
		{"unknown instance", request{instance: "cart-x"}},
		{"tail 5, instance", request{tail: 5, instance: "cart-c"}},
		{"tail 1000, instance", request{tail: 1000, instance: "cart-a"}},
		{"tail 3, instance, since", request{tail: 3, instance: "cart-a", since: base.Add(-40 * time.Minute)}},
		{"the namespace", request{namespace: "openfaas-fn"}},
		{"another namespace", request{namespace: "staging"}},
		{"another namespace, tail 5", request{namespace: "staging", tail: 5}},
		{"since the future", request{since: base.Add(time.Hour)}},
		{"since the future, tail 5", request{since: base.Add(time.Hour), tail: 5}},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			store := &sample.Store{}
			store.Append("cart", lines...)
			logmux := kind.start(t, store)
			written := kind.written("cart", lines)
			for _, tt := range requests {
				t.Run(tt.name, func(t *testing.T) {
					tt.request.name = "cart"
					logmux := logmux.of(t)
					logmux.logs(tt.request).ok().silent().says("Ok", "one").says("Failed", "").
						has(kind.choose(tt.request, lines, written))
				})
			}
			t.Run("missing function", func(t *testing.T) {
				got := logmux.of(t).logs(request{name: "nobody"})
				if kind.missing == http.StatusOK {
					got.ok().silent().says("Ok", "one").has(nil)
					return
				}
				got.says("Absent", "one").absent("nobody")
			})
		})
	}
}

// of is the daemon for another test.
func (d *daemon) of(t *testing.T) *daemon {
	other := *d
	other.t = t
	return &other
}

// A kind is one that a config knows, with the provider behind it.
type kind struct {
	name   string
	config string // within an upstream
	chain  bool   // another logmux is between
	habit
}

var kinds = []kind{
	{"faas-netes", "kind: faas-netes", false, netesHabit},
	{"faasd with systemd 252", "kind: faasd", false, faasd(252)},
	{"faasd with systemd 254", "kind: faasd", false, faasd(254)},
	{"openfaas-loki", "kind: openfaas-loki", false, lokiHabit},
	{"openfaas-loki with a cap of 150", "kind: openfaas-loki, max_limit: 150", false, cappedLoki(150)},
	{"logmux", "kind: logmux", true, netesHabit},
	{"generic", "kind: generic", false, netesHabit},
}

func cappedLoki(limit int) habit {
	h := lokiHabit
	h.handler = func(s *sample.Store) http.Handler { return buffered(&sample.Loki{Store: s, MaxLimit: limit, Seed: 3}) }
	return h
}

func (k kind) start(t *testing.T, store *sample.Store) *daemon {
	url := serve(t, k.handler(store))
	if k.chain {
		url = start(t, "upstreams: [{name: inner, url: $provider}]", hosts{"provider": url}).url
	}
	return start(t, "upstreams: [{name: one, url: $provider, "+k.config+"}]", hosts{"provider": url})
}
