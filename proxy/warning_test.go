package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// ways are the two that lead to a bounded answer.
var ways = []struct {
	name    string
	options []option
}{{"sorted", nil}, {"streamed", []option{ordered}}}

func TestWarningsOff(t *testing.T) {
	inner := logLine("logmux", second(9), "logmux: inner failed: dial: refused")
	for _, test := range []struct {
		name, query string
		noWarnings  bool
		want        bool
	}{
		{"by default", "", false, true},
		{"off by the request", "&warnings=off", false, false},
		{"the last value wins, off", "&warnings=inline&warnings=off", false, false},
		{"the last value wins, inline", "&warnings=off&warnings=inline", false, true},
		{"inline by the request", "&warnings=inline", false, true},
		{"off by the handler", "", true, false},
		{"off by both", "&warnings=off", true, false},
		{"off by the handler, inline by the request", "&warnings=inline", true, true},
	} {
		for _, way := range ways {
			t.Run(test.name+"/"+way.name, func(t *testing.T) {
				p := newProxy(t,
					serve(t, "inner", answers(threeLines(), inner), way.options...),
					at(t, "broken", refusing(t), way.options...),
				)
				p.NoWarnings = test.noWarnings
				got := p.ask(t, "name=fn"+test.query)
				got.holdsLogs(t, threeLines())
				if want := map[bool]int{true: 2, false: 0}[test.want]; len(got.warnings) != want {
					t.Errorf("warnings %v, want %d", got.warnings, want)
				}
				if got.failed() != "broken=dial" {
					t.Errorf("failed %q, whatever is said inline", got.failed())
				}
			})
		}
	}
}

// innerProxy is a proxy with an upstream that does not answer, and itself an
// upstream of another.
func innerProxy(t testing.TB, name string, provider http.Handler, options ...option) proxy.Upstream {
	t.Helper()
	inner := newProxy(t, serve(t, "leaf", provider, options...), at(t, "broken", refusing(t), options...))
	return at(t, name, inner.URL, options...)
}

// What an inner logmux warns of is told once, behind all lines, and is no line itself.
func TestInnerWarnings(t *testing.T) {
	ofThen := threeLines()
	future := logLine("pod-z", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), "later than any warning")
	for _, test := range []struct{ name, query, want string }{
		{"all", "", ofThen + future},
		{"tail of 1", "&tail=1", future},
		{"tail of 2", "&tail=2", lastLines(ofThen, 1) + future},
		{"tail of 4", "&tail=4", ofThen + future},
		{"instance", "&instance=pod-a", ofThen},
		{"no such instance", "&instance=nobody", ""},
		{"instance and tail", "&instance=pod-a&tail=1", lastLines(ofThen, 1)},
		{"since later than the warning", "&since=2090-01-01T00:00:00Z", future},
		{"another namespace", "&namespace=ns", ofThen + future},
	} {
		for _, way := range ways {
			t.Run(test.name+"/"+way.name, func(t *testing.T) {
				p := newProxy(t,
					serve(t, "sound", answers(future), way.options...),
					innerProxy(t, "inner", answers(ofThen), append([]option{honoursInstance}, way.options...)...),
				)
				got := p.ask(t, "name=fn"+test.query)
				got.holdsLogs(t, test.want)
				if got.failed() != "" || got.header.Get("X-Logmux-Ok") != "sound,inner" {
					t.Errorf("failed %q, ok %q", got.failed(), got.header.Get("X-Logmux-Ok"))
				}
				if len(got.warnings) != 1 || !strings.Contains(got.warnings[0].Text, "broken") || !strings.Contains(got.warnings[0].Text, "dial") {
					t.Errorf("warnings %v, want the inner one's", got.warnings)
				}
			})
		}
	}
}

// Three in a row, and each has something to say.
func TestWarningsOfAChain(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			first := innerProxy(t, "first", answers(threeLines()), way.options...)
			second := newProxy(t, first, serve(t, "cut", sendsThen(fiveLines(), cuts), way.options...))
			third := newProxy(t, at(t, "second", second.URL, way.options...), serve(t, "web", sample.HTML()(nil), way.options...))
			got := third.ask(t, "name=fn&namespace=ns&tail=-1")
			// The web page's lines have no time but now.
			if want := inOrder(t, 0, threeLines(), fiveLines()); got.status != 200 || !strings.Contains(got.logs, want) && way.name == "sorted" {
				t.Errorf("status %d, lines\n%s, want\n%s", got.status, got.logs, want)
			}
			checkWarnings(t, &got, "broken=dial", "cut=truncated", "web=malformed")
			if got.failed() != "web=malformed" {
				t.Errorf("failed %q", got.failed())
			}
		})
	}
}

// An inner logmux passes on what it means: absent, failed, or required and failed.
func TestInnerOutcomes(t *testing.T) {
	required := serve(t, "must", sample.Refuse(500, nil)(nil))
	required.Required = true
	hanging := serve(t, "hanging", sample.HangBeforeHeader()(nil), headerWithin(soon))
	for _, test := range []struct {
		name   string
		inner  []proxy.Upstream
		absent string
		failed string
	}{
		{"absent", []proxy.Upstream{serve(t, "a", http.HandlerFunc(says404))}, "inner", ""},
		{"of no upstreams", nil, "inner", ""},
		{"failed", []proxy.Upstream{at(t, "a", refusing(t))}, "", "inner=status-502"},
		{"required and failed", []proxy.Upstream{serve(t, "a", answers(threeLines())), required}, "", "inner=status-502"},
		{"late", []proxy.Upstream{hanging}, "", "inner=status-504"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProxy(t, at(t, "inner", newProxy(t, test.inner...).URL), serve(t, "sound", answers(fiveLines())))
			got := p.ask(t, "name=fn")
			got.holdsLogs(t, fiveLines())
			if got.header.Get("X-Logmux-Absent") != test.absent || got.failed() != test.failed {
				t.Errorf("absent %q, failed %q; want %q, %q", got.header.Get("X-Logmux-Absent"), got.failed(), test.absent, test.failed)
			}
		})
	}
}

// Bytes and order survive a chain.
func TestChain(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			odd := `{ "text":"<&>", "Timestamp":"2020-02-03T05:05:08.50+01:00", "level":1 }` + "\n"
			inner := newProxy(t,
				serve(t, "a", answers(threeLines(), odd), way.options...),
				serve(t, "b", answers(fiveLines()), way.options...),
			)
			want := inner.ask(t, "name=fn")
			p := newProxy(t, at(t, "inner", inner.URL, way.options...))
			got := p.ask(t, "name=fn")
			got.holds(t, want.body)
			if n := strings.Count(got.body, "\n"); n != 9 || !strings.Contains(got.body, odd) {
				t.Errorf("%d lines: %s", n, got.body)
			}
		})
	}
}

// Only logmux's own words are warnings: the instance and the start of the text.
func TestWhatIsNoWarning(t *testing.T) {
	lines := []string{
		logLine("logmux", second(1), "logmux started"),
		logLine("logmux", second(2), "a logmux: warning"),
		logLine("pod-a", second(3), "logmux: I am a function"),
		logLine("logmux-7d9f", second(4), "logmux: I am a pod"),
		logLine("Logmux", second(5), "logmux: I am another"),
		logLine("logmux", second(6), "Logmux: not quite"),
	}
	inner := logLine("logmux", second(0), "logmux: x failed: dial: refused")
	differently := `{"text":"logmux: y failed: tls: \u0022x\u0022","timestamp":null,"INSTANCE":"logmux"}` + "\n"
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			body := inner + strings.Join(lines, "") + differently
			got := newProxy(t, serve(t, "a", answers(body), way.options...)).ask(t, "name=fn")
			got.holdsLogs(t, strings.Join(lines, ""))
			if want := strings.Join(lines, "") + inner + differently; got.body != want {
				t.Errorf("got\n%s, want\n%s", got.body, want)
			}
			got = newProxy(t, serve(t, "a", answers(body), way.options...)).ask(t, "name=fn&tail=6")
			got.holdsLogs(t, strings.Join(lines, ""))
		})
	}
}

// An inner logmux that can only warn is ok, and has delivered nothing.
func TestOnlyWarnings(t *testing.T) {
	inner := logLine("logmux", second(0), "logmux: x failed: dial: refused")
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			got := newProxy(t, serve(t, "a", answers(inner), way.options...)).ask(t, "name=fn&tail=-1")
			got.holdsLogs(t, "")
			if got.body != inner || got.failed() != "" {
				t.Errorf("got %q, failed %q", got.body, got.failed())
			}
		})
	}
	cut := sendsThen(inner, cuts)
	if got := newProxy(t, serve(t, "a", cut)).ask(t, "name=fn"); got.status != 502 {
		t.Errorf("status %d, though no line was delivered", got.status)
	}
}

// The order of the headers and of the warnings is that of the upstreams.
func TestOrderOfOutcomes(t *testing.T) {
	var upstreams []proxy.Upstream
	var ok, absent, failed []string
	for i := range 12 {
		name := fmt.Sprintf("u-%d", 20-i)
		switch i % 3 {
		case 0:
			upstreams, ok = append(upstreams, serve(t, name, answers(threeLines()))), append(ok, name)
		case 1:
			upstreams, absent = append(upstreams, serve(t, name, http.HandlerFunc(says404))), append(absent, name)
		case 2:
			upstreams, failed = append(upstreams, at(t, name, refusing(t))), append(failed, name+"=dial")
		}
	}
	got := newProxy(t, upstreams...).ask(t, "name=fn&namespace=ns")
	for name, want := range map[string][]string{"X-Logmux-Ok": ok, "X-Logmux-Absent": absent, "X-Logmux-Failed": failed} {
		if got, want := got.header.Values(name), []string{strings.Join(want, ",")}; !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	checkWarnings(t, &got, failed...)
}
