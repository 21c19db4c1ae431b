package proxy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// a quiet function is there, and logs nothing.
func quietStore() *sample.Store {
	s := new(sample.Store)
	s.Append("fn", sample.Line{Instance: "old", Time: time.Now().Add(-time.Hour), Text: "long ago"})
	return s
}

func TestFollowBeginsAtOnce(t *testing.T) {
	t.Parallel()
	p := newProxy(t, serve(t, "netes", &sample.FaasNetes{Store: quietStore()}, asFaasNetes))
	start := time.Now()
	f := p.follow(t, "")
	f.await(bounds, "first byte", func() bool { return len(f.all()) > 0 })
	if took := time.Since(start); took > time.Second {
		t.Errorf("the first byte came after %v", took)
	}
	if lines := f.all(); !lines[0].blank() {
		t.Errorf("it begins with %q, want a blank line", lines[0].raw)
	}
	for field, want := range map[string]string{
		"Content-Type":    "application/x-ndjson",
		"X-Logmux-Ok":     "netes",
		"X-Logmux-Absent": "", "X-Logmux-Failed": "", "Content-Encoding": "",
	} {
		if got := f.resp.Header.Get(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	f.quiet(100 * time.Millisecond)
}

func TestFollowStatus(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	const (
		missing = "function log request failed: fn is on no upstream\n"
		never   = time.Minute
	)
	type provider struct {
		name    string
		handler http.Handler // nil where nobody listens
		options []option
	}
	there := func() http.Handler { return &sample.FaasNetes{Store: quietStore()} }
	faulty := func(faults ...sample.Fault) http.Handler {
		f := &sample.Faults{Handler: there()}
		f.Set(faults...)
		return f
	}
	hangs := faulty(sample.HangBeforeHeader())
	absent := &sample.FaasNetes{}
	for _, test := range []struct {
		name      string
		providers []provider
		status    int
		body      string // how it begins
		header    map[string]string
	}{
		{"one of two is enough", []provider{{"a", there(), nil}, {"b", hangs, nil}}, 200, "\n", map[string]string{"Ok": "a", "Failed": ""}},
		{"the later one", []provider{{"a", hangs, nil}, {"b", there(), nil}}, 200, "\n", map[string]string{"Ok": "b"}},
		{"a required one is there", []provider{{"a", hangs, nil}, {"b", there(), []option{required}}}, 200, "\n", map[string]string{"Ok": "b"}},
		{"all are absent", []provider{{"a", absent, nil}, {"b", faulty(sample.Refuse(404, nil)), nil}}, 500, missing, map[string]string{"Absent": "a,b", "Ok": "", "Failed": ""}},
		{"all are absent, required too", []provider{{"a", absent, []option{required}}}, 500, missing, map[string]string{"Absent": "a"}},
		{"a required one is absent", []provider{{"a", there(), nil}, {"b", absent, []option{required}}}, 200, "\n", map[string]string{"Ok": "a", "Absent": "b"}},
		{"a required one refuses", []provider{{"a", there(), nil}, {"b", nil, []option{required}}}, 502, "b failed: dial", map[string]string{"Failed": "b=dial"}},
		{"a required one refuses, another hangs", []provider{{"a", hangs, nil}, {"b", nil, []option{required}}}, 502, "", map[string]string{"Failed": "a=gone,b=dial"}},
		{"a required one is late", []provider{{"a", there(), nil}, {"b", faulty(sample.Delay(200 * time.Millisecond)), []option{required}}}, 200, "\n", map[string]string{"Ok": "a,b"}},
		{"a required one says 401", []provider{{"a", there(), nil}, {"b", faulty(sample.Refuse(401, nil)), []option{required}}}, 502, "b failed: auth", map[string]string{"Failed": "b=auth"}},
		{"none is left", []provider{{"a", nil, nil}, {"b", absent, nil}}, 502, "a failed: dial", map[string]string{"Failed": "a=dial", "Absent": "b"}},
		{"all are late", []provider{{"a", hangs, []option{headerWithin(soon)}}}, 504, "a failed: timeout", map[string]string{"Failed": "a=timeout"}},
		{"one is late, one absent", []provider{{"a", hangs, []option{headerWithin(soon)}}, {"b", absent, nil}}, 504, "a failed: timeout", map[string]string{"Failed": "a=timeout", "Absent": "b"}},
		{"a refusal is in the header where it is known", []provider{{"a", nil, nil}, {"b", faulty(sample.Delay(200 * time.Millisecond)), nil}}, 200, "\n", map[string]string{"Ok": "b", "Failed": "a=dial"}},
	} {
		run(test.name, func(t *testing.T) {
			p := newProxy(t)
			for _, u := range test.providers {
				options := append([]option{absentEvery(never)}, u.options...)
				if u.handler == nil {
					p.Upstreams = append(p.Upstreams, at(t, u.name, refusing(t), options...))
				} else {
					p.Upstreams = append(p.Upstreams, serve(t, u.name, u.handler, options...))
				}
			}
			p.FollowTimeout = 400 * time.Millisecond
			p.BacklogTimeout = 300 * time.Millisecond
			start := time.Now()
			resp := p.get(t.Context(), t, "name=fn&follow=true&warnings=off")
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("the head took %v", took)
			}
			got := read(t, resp)
			if got.status != test.status {
				t.Errorf("status %d, want %d: %q", got.status, test.status, got.body)
			}
			if test.body == missing && got.body != missing || !strings.HasPrefix(got.body, test.body) {
				t.Errorf("body %q, want %q", got.body, test.body)
			}
			for field, want := range test.header {
				if test.status == 200 && field == "Failed" && want == "" {
					continue // the trailer's field hides the header's
				}
				if got := got.header.Get("X-Logmux-" + field); !sameNames(got, want) {
					t.Errorf("X-Logmux-%s: %q, want %q", field, got, want)
				}
			}
		})
	}
}

// sameNames compares lists that may be in another order, and does not care for
// upstreams that were given up because the answer was clear.
func sameNames(got, want string) bool {
	names := func(list string) map[string]bool {
		set := map[string]bool{}
		for name := range strings.SplitSeq(list, ",") {
			if name != "" && !strings.HasSuffix(name, "=gone") {
				set[name] = true
			}
		}
		return set
	}
	a, b := names(got), names(want)
	for name := range a {
		if !b[name] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestFollowTrailer(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, test := range []struct {
		name string
		// meanwhile is what happens during the follow of the upstreams a, b and c.
		meanwhile func(a, b, c *flaky)
		header    string // of X-Logmux-Ok
		want      string
	}{
		{"nothing failed", func(_, _, _ *flaky) {}, "a,b,c", ""},
		{"the last one fails", func(_, _, c *flaky) { c.down() }, "a,b,c", "c=dial"},
		{"the first one fails", func(a, _, _ *flaky) { a.down() }, "a,b,c", "a=dial"},
		{"two fail", func(a, _, c *flaky) { a.down(); c.down() }, "a,b,c", "a=dial,c=dial"},
		{"one is ok again", func(a, _, c *flaky) { a.restart(300 * time.Millisecond); c.down() }, "a,b,c", "c=dial"},
	} {
		run(test.name, func(t *testing.T) {
			p := newProxy(t)
			var all []*flaky
			for _, name := range []string{"a", "b", "c"} {
				f, u := serveFlaky(t, name, &sample.FaasNetes{Store: quietStore()}, asFaasNetes)
				all = append(all, f)
				p.Upstreams = append(p.Upstreams, u)
			}
			p.FollowTimeout = 1500 * time.Millisecond
			f := p.follow(t, "")
			time.Sleep(200 * time.Millisecond) // until all are live
			test.meanwhile(all[0], all[1], all[2])
			if got := f.end(bounds); got != test.want {
				t.Errorf("trailer %q, want %q", got, test.want)
			}
		})
	}
}

// An upstream that had not even settled when the head was sent is in the
// trailer when it fails then, under its own name.
func TestFollowTrailerOfAnUpstreamThatWasLate(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	hanging := func() http.Handler {
		h := &sample.Faults{Handler: &sample.FaasNetes{Store: quietStore()}}
		h.Set(sample.HangBeforeHeader())
		return h
	}
	quiet := func() http.Handler { return &sample.FaasNetes{Store: quietStore()} }
	for _, test := range []struct {
		name      string
		providers map[string]http.Handler
		want      string
	}{
		{"the first", map[string]http.Handler{"a": hanging(), "b": quiet(), "c": quiet()}, "a=timeout"},
		{"the last", map[string]http.Handler{"a": quiet(), "b": quiet(), "c": hanging()}, "c=timeout"},
		{"two", map[string]http.Handler{"a": hanging(), "b": quiet(), "c": hanging()}, "a=timeout,c=timeout"},
	} {
		run(test.name, func(t *testing.T) {
			p := newProxy(t)
			for _, name := range []string{"a", "b", "c"} {
				p.Upstreams = append(p.Upstreams, serve(t, name, test.providers[name], headerWithin(soon)))
			}
			p.FollowTimeout = time.Second
			if got := p.follow(t, "").end(bounds); got != test.want {
				t.Errorf("trailer %q, want %q", got, test.want)
			}
		})
	}
}
