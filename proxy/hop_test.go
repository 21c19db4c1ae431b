package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// askWith is ask with header fields.
func (p *testProxy) askWith(t testing.TB, header http.Header, query string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*bounds)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/system/logs?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	a := read(t, resp)
	if a.status == http.StatusOK && !strings.Contains(query, "follow=true") {
		a.check(t)
	}
	return a
}

func forwarding(u *proxy.Upstream) { u.ForwardAuthorization = true }

// eachWay asks for lines in each way that there is, and returns the header that
// the upstream got each time it was asked.
func eachWay(t *testing.T, header http.Header, name string, options ...option) map[string][]http.Header {
	t.Helper()
	all := map[string][]http.Header{}
	for _, way := range []struct {
		name, query string
		options     []option
		least       int // askings
	}{
		{"sorted", "name=fn", nil, 1},
		{"streamed", "name=fn", []option{ordered}, 1},
		{"tail", "name=fn&tail=2", nil, 1},
		{"follow", "name=fn&follow=true", nil, 2},
		{"polled follow", "name=fn&follow=true", []option{pollEvery(10 * time.Millisecond), func(u *proxy.Upstream) { u.FollowMode = proxy.FollowPoll }}, 2},
	} {
		asked := &sample.Recorder{Handler: &sample.FaasNetes{Store: quietStore()}}
		p := newProxy(t, serve(t, "a", asked, append(options, way.options...)...))
		p.Name, p.FollowTimeout = name, 2*soon
		if got := p.askWith(t, header, way.query); got.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", way.name, got.status, got.body)
		}
		all[way.name] = asked.Headers()
		if n := len(all[way.name]); n < way.least {
			t.Errorf("%s: asked %d times, want %d at least", way.name, n, way.least)
		}
	}
	return all
}

func TestViaIsPassedOn(t *testing.T) {
	for _, test := range []struct {
		name string
		via  []string
		want string
	}{
		{"none", nil, "1.1 here"},
		{"one", []string{"1.1 edge"}, "1.1 edge, 1.1 here"},
		{"a list", []string{"1.0 fred, 1.1 edge"}, "1.0 fred, 1.1 edge, 1.1 here"},
		{"several values", []string{"1.0 fred", "1.1 edge, HTTP/2 far.example:8080"}, "1.0 fred, 1.1 edge, HTTP/2 far.example:8080, 1.1 here"},
		{"comments", []string{"1.1 edge (Varnish/7.1), 2 b"}, "1.1 edge (Varnish/7.1), 2 b, 1.1 here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if test.via != nil {
				header["Via"] = test.via
			}
			for way, headers := range eachWay(t, header, "here") {
				for _, h := range headers {
					if got := h.Values("Via"); !slices.Equal(got, []string{test.want}) {
						t.Errorf("%s: Via %q, want %q", way, got, test.want)
					}
				}
			}
		})
	}
}

// A name of its own, the same for each request.
func TestNameOfAnInstanceIsItsOwn(t *testing.T) {
	asked := &sample.Recorder{Handler: answers()}
	up := serve(t, "a", asked)
	first, second := newProxy(t, up), newProxy(t, up)
	for _, p := range []*testProxy{first, first, second} {
		p.ask(t, "name=fn")
	}
	var names []string
	for _, h := range asked.Headers() {
		name, ok := strings.CutPrefix(h.Get("Via"), "1.1 ")
		if !ok || len(name) < 8 || strings.ContainsAny(name, " ,()") {
			t.Errorf("Via %q", h.Get("Via"))
		}
		names = append(names, name)
	}
	if names[0] != names[1] || names[0] == names[2] {
		t.Errorf("names %q, want the first two alone the same", names)
	}
}

func TestWhoHasBeenHereBefore(t *testing.T) {
	for _, test := range []struct {
		name string
		via  []string
		loop bool
	}{
		{"nobody", nil, false},
		{"it", []string{"1.1 logmux"}, true},
		{"it, of another protocol", []string{"HTTP/2 logmux"}, true},
		{"it, with a comment", []string{"1.1 logmux (a comment)"}, true},
		{"it, first of all", []string{"1.1 logmux, 1.1 b, 1.1 c"}, true},
		{"it, among others", []string{"1.0 a (x), 1.1 logmux ,1.1 c"}, true},
		{"it, in another value", []string{"1.1 a", "1.1 b, 1.1 logmux"}, true},
		{"one whose name begins so", []string{"1.1 logmux-2"}, false},
		{"one whose name ends so", []string{"1.1 my-logmux"}, false},
		{"one whose name holds it", []string{"1.1 eu.logmux.example"}, false},
		{"one at a port", []string{"1.1 logmux:9195"}, false},
		{"a comment", []string{"1.1 other (logmux)"}, false},
		{"a comment in parts", []string{"1.1 other (not, 1.1 logmux)"}, false},
		{"a protocol", []string{"logmux 1.1"}, false},
		{"nonsense", []string{",, logmux ,"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := &sample.Recorder{Handler: answers(threeLines())}
			p := newProxy(t, serve(t, "a", asked))
			p.Name = "logmux"
			for _, query := range []string{"name=fn", "name=fn&tail=1", "name=fn&follow=true", ""} {
				p.FollowTimeout = soon
				got := p.askWith(t, http.Header{"Via": test.via}, query)
				want := http.StatusOK
				switch {
				case test.loop:
					want = http.StatusLoopDetected
				case query == "":
					want = http.StatusUnprocessableEntity
				}
				if got.status != want {
					t.Errorf("%q: status %d, want %d: %s", query, got.status, want, got.body)
				}
				if test.loop && (strings.Count(got.body, "\n") != 1 || !strings.Contains(got.body, "loop")) {
					t.Errorf("body %q, want a line that names the loop", got.body)
				}
				report := awaits(t, p.reports, "the report")
				if report.Status != want {
					t.Errorf("reported status %d, want %d", report.Status, want)
				}
			}
			if n := len(asked.Queries()); test.loop && n > 0 {
				t.Errorf("the upstream was asked %d times", n)
			}
		})
	}
}

// asksAtOnce wants an answer within a moment.
func (p *testProxy) asksAtOnce(t *testing.T, query string) answer {
	t.Helper()
	start := time.Now()
	got := p.askWith(t, nil, query)
	if took := time.Since(start); took > bounds/2 {
		t.Errorf("%s took %v", query, took)
	}
	return got
}

// A handler that is its own upstream says so, and neither hangs nor asks itself for ever.
func TestLoop(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			p := newProxy(t)
			p.Upstreams = []proxy.Upstream{at(t, "self", p.URL, append(way.options, retries(3))...), serve(t, "sound", answers(threeLines()), way.options...)}
			got := p.asksAtOnce(t, "name=fn&namespace=ns")
			got.holdsLogs(t, threeLines())
			checkWarnings(t, &got, "self=status-508")
			if got.failed() != "self=status-508" {
				t.Errorf("failed %q", got.failed())
			}

			p = newProxy(t)
			p.Upstreams = []proxy.Upstream{at(t, "self", p.URL, append(way.options, retries(3))...)}
			got = p.asksAtOnce(t, "name=fn")
			if got.status != http.StatusBadGateway || got.failed() != "self=status-508" || !strings.Contains(got.body, "loop") {
				t.Errorf("status %d, failed %q: %s", got.status, got.failed(), got.body)
			}
			if n := len(p.reports); n != 2 {
				t.Errorf("%d requests, want that of the client and its own", n)
			}
		})
	}
}

func TestFollowLoop(t *testing.T) {
	p := newProxy(t)
	p.Upstreams = []proxy.Upstream{at(t, "self", p.URL, retries(3))}
	got := p.asksAtOnce(t, "name=fn&follow=true")
	if got.status != http.StatusBadGateway || got.failed() != "self=status-508" {
		t.Errorf("status %d, failed %q: %s", got.status, got.failed(), got.body)
	}

	store := quietStore()
	p = newProxy(t)
	p.Upstreams = []proxy.Upstream{at(t, "self", p.URL), serve(t, "sound", &sample.FaasNetes{Store: store}, asFaasNetes)}
	p.ReorderWindow = -1
	f := p.follow(t, "&tail=1")
	store.Append("fn", logged("pod", "live"))
	f.awaitText("live")
	f.await(bounds, "warning", func() bool { return len(f.warnings()) > 0 })
	store.Append("fn", logged("pod", "later"))
	f.awaitText("later")
	if w := f.warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "logmux: self failed: status-508") {
		t.Errorf("warnings %q, want one", w)
	}
	if got := f.texts(); !slices.Equal(got, []string{"long ago", "live", "later"}) {
		t.Errorf("lines %q", got)
	}
}

// Two that are each other's upstreams give what they have, once.
func TestLoopOfTwo(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			a, b := newProxy(t), newProxy(t)
			a.Upstreams = []proxy.Upstream{at(t, "b", b.URL, way.options...), serve(t, "of-a", answers(threeLines()), way.options...)}
			b.Upstreams = []proxy.Upstream{at(t, "a", a.URL, way.options...), serve(t, "of-b", answers(fiveLines()), way.options...)}
			got := a.asksAtOnce(t, "name=fn&namespace=ns")
			got.holdsLogs(t, inOrder(t, 0, fiveLines(), threeLines()))
			checkWarnings(t, &got, "a=status-508")
			if got.failed() != "" {
				t.Errorf("failed %q: what b lacks a has", got.failed())
			}
		})
	}
	t.Run("with nobody else", func(t *testing.T) {
		a, b := newProxy(t), newProxy(t)
		a.Upstreams = []proxy.Upstream{at(t, "b", b.URL, retries(2))}
		b.Upstreams = []proxy.Upstream{at(t, "a", a.URL, retries(2))}
		for _, query := range []string{"name=fn", "name=fn&follow=true"} {
			got := a.asksAtOnce(t, query)
			if got.status != http.StatusBadGateway || got.failed() != "b=status-502" || !strings.Contains(got.body, "status-508") {
				t.Errorf("%s: status %d, failed %q: %s", query, got.status, got.failed(), got.body)
			}
		}
	})
	t.Run("follow", func(t *testing.T) {
		store, other := quietStore(), quietStore()
		a, b := newProxy(t), newProxy(t)
		a.Upstreams = []proxy.Upstream{at(t, "b", b.URL), serve(t, "of-a", &sample.FaasNetes{Store: store}, asFaasNetes)}
		b.Upstreams = []proxy.Upstream{at(t, "a", a.URL), serve(t, "of-b", &sample.FaasNetes{Store: other}, asFaasNetes)}
		a.ReorderWindow, b.ReorderWindow = -1, -1
		f := a.follow(t, "&since="+time.Now().UTC().Format(time.RFC3339Nano))
		want := []string{}
		for i := range 5 {
			store.Append("fn", logged("pod", fmt.Sprint("of a ", i)))
			other.Append("fn", logged("pod", fmt.Sprint("of b ", i)))
			f.awaitText(fmt.Sprint("of a ", i))
			f.awaitText(fmt.Sprint("of b ", i))
			want = append(want, fmt.Sprint("of a ", i), fmt.Sprint("of b ", i))
		}
		if got := f.texts(); !sameTexts(got, want) {
			t.Errorf("lines %q", got)
		}
		if w := f.warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "logmux: a failed: status-508") {
			t.Errorf("warnings %q, want one", w)
		}
	})
}

// Three in a row are no loop. Each is named, each line and each warning comes once.
func TestChainOfThree(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			leaf := &sample.Recorder{Handler: answers(threeLines())}
			third := newProxy(t, serve(t, "leaf", leaf, way.options...), at(t, "away", refusing(t), way.options...))
			second := newProxy(t, at(t, "third", third.URL, way.options...), serve(t, "b", answers(fiveLines()), way.options...))
			first := newProxy(t, at(t, "second", second.URL, way.options...), serve(t, "broken", sample.Refuse(500, nil)(nil), way.options...))
			first.Name, second.Name, third.Name = "logmux", "logmux-2", "logmux-3"
			got := first.ask(t, "name=fn&namespace=ns")
			got.holdsLogs(t, inOrder(t, 0, threeLines(), fiveLines()))
			checkWarnings(t, &got, "away=dial", "broken=status-500")
			if got.failed() != "broken=status-500" {
				t.Errorf("failed %q", got.failed())
			}
			if via := leaf.Headers()[0].Get("Via"); via != "1.1 logmux, 1.1 logmux-2, 1.1 logmux-3" {
				t.Errorf("Via %q", via)
			}
		})
	}
	t.Run("follow", func(t *testing.T) {
		store := quietStore()
		third := newProxy(t, serve(t, "leaf", &sample.FaasNetes{Store: store}, asFaasNetes), at(t, "away", refusing(t)))
		second := newProxy(t, at(t, "third", third.URL))
		first := newProxy(t, at(t, "second", second.URL))
		for i, p := range []*testProxy{first, second, third} {
			p.Name, p.ReorderWindow = fmt.Sprintf("logmux-%d", i), -1
		}
		f := first.follow(t, "&tail=1")
		f.awaitText("long ago")
		for i := range 5 {
			store.Append("fn", logged("pod", fmt.Sprint("live ", i)))
			f.awaitText(fmt.Sprint("live ", i))
		}
		if got := f.texts(); len(got) != 6 {
			t.Errorf("lines %q, want each once", got)
		}
		if w := f.warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "logmux: away failed: dial") {
			t.Errorf("warnings %q, want one", w)
		}
	})
}
