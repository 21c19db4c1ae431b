package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

func TestTraceHeadersFollowARequest(t *testing.T) {
	long := strings.Repeat("x", 512)
	sent := http.Header{
		"X-Call-Id":     {"3f2a"},
		"Traceparent":   {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"Tracestate":    {long},
		"Cookie":        {"client"},
		"Authorization": {"Basic client"},
		"X-Anything":    {"client"},
		"Baggage":       {"client"},
	}
	for way, headers := range eachWay(t, sent, "") {
		for _, h := range headers {
			for _, field := range []string{"X-Call-Id", "Traceparent", "Tracestate"} {
				if got := h.Values(field); !slices.Equal(got, sent[field]) {
					t.Errorf("%s: %s %q, want %q", way, field, got, sent[field])
				}
			}
			for field, values := range h {
				if strings.Contains(strings.Join(values, ","), "client") {
					t.Errorf("%s: the client's %s goes upstream", way, field)
				}
			}
		}
	}
}

func TestOversizeTraceHeadersStayHere(t *testing.T) {
	long := strings.Repeat("x", 513)
	for way, headers := range eachWay(t, http.Header{"X-Call-Id": {"3f2a"}, "Traceparent": {long}, "Tracestate": {""}}, "") {
		for _, h := range headers {
			if h.Get("X-Call-Id") != "3f2a" || h["Traceparent"] != nil || h["Tracestate"] != nil {
				t.Errorf("%s: X-Call-Id %q, Traceparent of %d bytes, Tracestate %q", way, h.Get("X-Call-Id"), len(h.Get("Traceparent")), h["Tracestate"])
			}
		}
	}
}

// Only the upstream whose config says so is told who asks, each time it is asked.
func TestForwardedAuthorization(t *testing.T) {
	const credentials = "Bearer of-the-client"
	sent := http.Header{"Authorization": {credentials}}
	for way, headers := range eachWay(t, sent, "", forwarding) {
		for _, h := range headers {
			if got := h.Values("Authorization"); !slices.Equal(got, []string{credentials}) {
				t.Errorf("%s: Authorization %q, want the client's", way, got)
			}
		}
	}
	for way, headers := range eachWay(t, nil, "", forwarding) {
		for _, h := range headers {
			if h["Authorization"] != nil {
				t.Errorf("%s: Authorization %q, and the client has none", way, h["Authorization"])
			}
		}
	}
	for _, query := range []string{"name=fn", "name=fn&follow=true"} {
		store := quietStore()
		trusted, other := &sample.Recorder{Handler: &sample.FaasNetes{Store: store}}, &sample.Recorder{Handler: &sample.FaasNetes{Store: store}}
		p := newProxy(t, serve(t, "trusted", trusted, forwarding), serve(t, "other", other))
		p.FollowTimeout = 2 * soon
		p.askWith(t, sent, query)
		for _, h := range trusted.Headers() {
			if h.Get("Authorization") != credentials {
				t.Errorf("%s: the trusted one got %q", query, h.Get("Authorization"))
			}
		}
		for _, h := range other.Headers() {
			if h["Authorization"] != nil {
				t.Errorf("%s: the other one got %q", query, h["Authorization"])
			}
		}
		if len(trusted.Headers()) == 0 || len(other.Headers()) == 0 {
			t.Error("one was not asked")
		}
	}
}

// It goes through a chain where each instance of it is told to.
func TestForwardedAuthorizationOfAChain(t *testing.T) {
	leaf := &sample.Recorder{Handler: answers(threeLines())}
	inner := newProxy(t, serve(t, "leaf", leaf, forwarding))
	p := newProxy(t, at(t, "inner", inner.URL, forwarding))
	got := p.askWith(t, http.Header{"Authorization": {"Basic x"}}, "name=fn")
	got.holds(t, threeLines())
	if h := leaf.Headers(); len(h) != 1 || h[0].Get("Authorization") != "Basic x" {
		t.Errorf("the leaf got %v", h)
	}
}

// An inner logmux gives what it has while the outer one still waits: one upstream
// that never answers does not take the others' lines along.
func TestInnerDeadline(t *testing.T) {
	t.Parallel()
	const header = 2 * time.Second
	hanging := sample.HangBeforeHeader()(nil)
	for _, way := range ways {
		for _, test := range []struct {
			name, query string
		}{{"all", ""}, {"tail", "&tail=100"}} {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				inner := newProxy(t, serve(t, "quick", answers(threeLines()), way.options...), serve(t, "silent", hanging, way.options...))
				p := newProxy(t,
					at(t, "inner", inner.URL, append(way.options, headerWithin(header))...),
					serve(t, "sound", answers(fiveLines()), way.options...),
				)
				start := time.Now()
				got := p.ask(t, "name=fn&namespace=ns"+test.query)
				if took := time.Since(start); took < header/2 || took > header {
					t.Errorf("took %v, want a little less than %v", took, header)
				}
				got.holdsLogs(t, inOrder(t, 0, threeLines(), fiveLines()))
				checkWarnings(t, &got, "silent=timeout")
				if ok := got.header.Get("X-Logmux-Ok"); ok != "inner,sound" || got.failed() != "" {
					t.Errorf("ok %q, failed %q", ok, got.failed())
				}
			})
		}
	}
}

// So it is where the whole answer is in a hurry, and one upstream stops in mid-answer.
func TestInnerTotalDeadline(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			stops := sample.HangAfter(1)(answers(fiveLines()))
			inner := newProxy(t, serve(t, "quick", answers(threeLines()), way.options...), serve(t, "stops", stops, way.options...))
			p := newProxy(t, at(t, "inner", inner.URL, way.options...))
			p.Timeout = 2 * time.Second
			got := p.ask(t, "name=fn&namespace=ns")
			got.holdsLogs(t, inOrder(t, 0, threeLines(), splitLines(fiveLines())[0]))
			checkWarnings(t, &got, "stops=timeout")
			if ok := got.header.Get("X-Logmux-Ok"); ok != "inner" || got.failed() != "" {
				t.Errorf("ok %q, failed %q", ok, got.failed())
			}
		})
	}
}

// Each instance of a chain leaves the one before it some time.
func TestInnerDeadlineOfAChain(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			leaf := newProxy(t, serve(t, "quick", answers(threeLines()), way.options...), serve(t, "silent", sample.HangBeforeHeader()(nil), way.options...))
			middle := newProxy(t, at(t, "leaf", leaf.URL, way.options...))
			p := newProxy(t, at(t, "middle", middle.URL, append(way.options, headerWithin(3*time.Second))...))
			got := p.ask(t, "name=fn&namespace=ns")
			got.holdsLogs(t, threeLines())
			checkWarnings(t, &got, "silent=timeout")
			if got.failed() != "" {
				t.Errorf("failed %q", got.failed())
			}
		})
	}
}

// A backlog has a deadline of its own, which an inner logmux keeps too.
func TestInnerDeadlineOfABacklog(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			store := quietStore()
			inner := newProxy(t,
				serve(t, "quick", &sample.FaasNetes{Store: store}, append(way.options, asFaasNetes)...),
				serve(t, "silent", sample.HangBeforeHeader()(nil), way.options...),
			)
			p := newProxy(t, at(t, "inner", inner.URL, way.options...))
			inner.ReorderWindow, p.ReorderWindow = -1, -1
			p.BacklogTimeout, inner.BacklogTimeout = 2*time.Second, 3*time.Second // the inner one's own lines wait for that
			f := p.follow(t, "&since=2020-01-01T00:00:00Z")
			f.awaitText("long ago")
			store.Append("fn", logged("pod", "live"))
			f.awaitText("live")
			if got := fmt.Sprint(f.texts()); got != "[long ago live]" {
				t.Errorf("lines %s", got)
			}
			for _, w := range f.warnings() { // of the backlog, and of the follow
				if !strings.HasPrefix(w, "logmux: silent failed: timeout") {
					t.Errorf("warning %q", w)
				}
			}
			if n := len(f.warnings()); n < 1 || n > 2 {
				t.Errorf("%d warnings: %q", n, f.warnings())
			}
			if failed := f.resp.Header.Get("X-Logmux-Failed"); failed != "" {
				t.Errorf("failed %q", failed)
			}
		})
	}
}

// An answer that has begun in time may go on for longer.
func TestHeaderTimeoutOfALongAnswer(t *testing.T) {
	t.Parallel()
	rest := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(3 * soon):
			io.WriteString(w, strings.Join(splitLines(fiveLines())[1:], ""))
		case <-r.Context().Done():
		}
	}
	p := newProxy(t, serve(t, "a", sendsThen(splitLines(fiveLines())[0], rest), ordered), serve(t, "b", answers(), ordered))
	got := p.askWith(t, http.Header{"X-Logmux-Header-Timeout": {(2 * soon).String()}}, "name=fn")
	got.holds(t, fiveLines())
}

// waits is what an upstream was told of the time there is.
func waits(t *testing.T, h http.Header, field string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(h.Get(field))
	if err != nil {
		t.Fatalf("%s: %v", field, err)
	}
	return d
}

// A try that comes later has less time.
func TestInnerDeadlineOfALaterTry(t *testing.T) {
	t.Parallel()
	const total = 3 * time.Second
	busy := sample.Times(1, sample.Refuse(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}))
	asked := &sample.Recorder{Handler: busy(answers(threeLines()))}
	p := newProxy(t, serve(t, "a", asked, func(u *proxy.Upstream) {
		u.Retry = proxy.Retry{Max: 1, MinWait: 1, MaxWait: time.Second}
	}))
	p.Timeout = total
	got := p.ask(t, "name=fn")
	got.holds(t, threeLines())
	for i, h := range asked.Headers() {
		left := total - time.Duration(i)*time.Second
		for _, field := range []string{"X-Logmux-Timeout", "X-Logmux-Header-Timeout"} {
			if d := waits(t, h, field); d >= left || d < left/2 {
				t.Errorf("try %d has %s %v, and there is less than %v", i, field, d, left)
			}
		}
		if h.Get("Via") == "" {
			t.Errorf("try %d has no Via", i)
		}
	}
	if n := len(asked.Headers()); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

// How long the head is awaited is of no meaning once it is there: what is asked
// later in a follow has its own time.
func TestHeaderTimeoutEndsWithTheHead(t *testing.T) {
	t.Parallel()
	for _, test := range liveWays {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := &sample.Recorder{Handler: &sample.FaasNetes{Store: quietStore(), Timeout: soon}}
			p := newProxy(t, serve(t, "a", asked, test.kind, pollEvery(20*time.Millisecond)))
			p.FollowTimeout = 4 * soon
			got := p.askWith(t, http.Header{"X-Logmux-Header-Timeout": {"2s"}}, "name=fn&follow=true")
			if got.status != http.StatusOK {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			for i, h := range asked.Headers() {
				d := waits(t, h, "X-Logmux-Header-Timeout")
				if i == 0 && d > 2*time.Second || i > 0 && d < 8*time.Second {
					t.Errorf("asking %d has %v", i, d)
				}
			}
			if n := len(asked.Headers()); n < 3 {
				t.Errorf("asked %d times: the test shows nothing", n)
			}
		})
	}
}
