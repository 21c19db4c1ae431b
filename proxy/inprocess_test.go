package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A page is what an answer is written to.
type page struct {
	bytes.Buffer
	flushes int
	err     error
}

func (p *page) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	return p.Buffer.Write(b)
}

func (p *page) Flush() error {
	p.flushes++
	return p.err
}

func TestAnswerInProcess(t *testing.T) {
	east, west := logLine("a", second(1), "first"), logLine("b", second(2), "second")
	h := &proxy.Handler{Upstreams: []proxy.Upstream{serve(t, "west", answers(west)), serve(t, "east", answers(east))}}
	defer h.CloseIdleConnections()
	var got page
	if err := h.Answer(t.Context(), proxy.Request{Name: "fn"}, &got); err != nil || got.String() != east+west {
		t.Errorf("got %q, %v; want %q", got.String(), err, east+west)
	}
}

func TestAnswerInProcessFails(t *testing.T) {
	broken := errors.New("the reader has gone")
	for _, tt := range []struct {
		name     string
		provider http.Handler
		request  proxy.Request
		to       page
		want     func(error) bool
	}{
		{"wrong request", answers(), proxy.Request{}, page{}, func(err error) bool {
			var wrong *proxy.ParameterError
			return errors.As(err, &wrong) && wrong.Parameter == "name"
		}},
		{"on no upstream", http.NotFoundHandler(), proxy.Request{Name: "fn"}, page{}, func(err error) bool {
			var refused *proxy.StatusError
			return errors.As(err, &refused) && refused.Status == 500 && strings.Contains(refused.Text, "fn is on no upstream")
		}},
		{"writer", answers(logLine("a", second(1), "x")), proxy.Request{Name: "fn"}, page{err: broken}, func(err error) bool {
			return errors.Is(err, broken)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &proxy.Handler{Upstreams: []proxy.Upstream{serve(t, "up", tt.provider)}}
			defer h.CloseIdleConnections()
			if err := h.Answer(t.Context(), tt.request, &tt.to); !tt.want(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What has arrived when the caller's time is almost over is better than nothing.
func TestAnswerInProcessBeforeItsDeadline(t *testing.T) {
	h := &proxy.Handler{Upstreams: []proxy.Upstream{
		serve(t, "fast", answers(logLine("a", second(1), "here"))),
		serve(t, "slow", sample.HangBeforeHeader()(http.NotFoundHandler())),
	}}
	defer h.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	defer cancel()
	var got page
	if err := h.Answer(ctx, proxy.Request{Name: "fn"}, &got); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); !strings.Contains(text, "here") || !strings.Contains(text, "slow failed: timeout") {
		t.Errorf("got %s", text)
	}
}

// A loop that leads through a program which answers in process is found all the same.
func TestAnswerInProcessSaysWhereItHasBeen(t *testing.T) {
	seen := make(chan string, 1)
	h := &proxy.Handler{Name: "me", Upstreams: []proxy.Upstream{serve(t, "up", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Via")
	}))}}
	defer h.CloseIdleConnections()
	if err := h.Answer(t.Context(), proxy.Request{Name: "fn"}, &page{}); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != "1.1 me" {
		t.Errorf("Via is %q", got)
	}
}

// An inner logmux that answers 502 has asked and tried again itself: asking it again
// would multiply with each level, and it is not down.
func TestAnInnerLogmuxThatHasFailed(t *testing.T) {
	asked := 0
	inner := serve(t, "inner", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("X-Logmux-Failed", "leaf=dial")
		w.WriteHeader(http.StatusBadGateway)
	}), retries(2), func(u *proxy.Upstream) { u.Breaker = proxy.Breaker{Failures: 1, OpenFor: time.Hour} })
	p := newProxy(t, inner)
	for n := 1; n <= 3; n++ {
		if got := p.ask(t, "name=fn"); got.failed() != "inner=status-502" || asked != n {
			t.Fatalf("request %d: failed %q, asked %d times", n, got.failed(), asked)
		}
	}
}

// A handler that replaces another knows its addresses, though looking them up fails.
func TestTakeOver(t *testing.T) {
	known := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	up := serve(t, "up", answers(logLine("a", second(1), "here")))
	target := *up.URL
	target.Scheme, target.Host = "dns+http", "name.test:"+target.Port()
	up.URL = &target
	before := &proxy.Handler{Upstreams: []proxy.Upstream{up}, Lookup: func(context.Context, string) ([]netip.Addr, error) { return known, nil }}
	after := &proxy.Handler{Upstreams: []proxy.Upstream{up}, Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no DNS") }}
	defer before.CloseIdleConnections()
	defer after.CloseIdleConnections()
	var got page
	if err := before.Answer(t.Context(), proxy.Request{Name: "fn"}, &got); err != nil {
		t.Fatal(err)
	}
	after.TakeOver(before)
	got.Reset()
	if err := after.Answer(t.Context(), proxy.Request{Name: "fn"}, &got); err != nil || !strings.Contains(got.String(), "here") {
		t.Errorf("got %q, %v", got.String(), err)
	}
}

func TestAnUpstreamWithoutAURL(t *testing.T) {
	p := newProxy(t, proxy.Upstream{Name: "nowhere"}, serve(t, "up", answers(logLine("a", second(1), "here"))))
	for range 2 {
		if got := p.ask(t, "name=fn"); got.status != 200 || got.failed() != "nowhere=dial" {
			t.Errorf("status %d, failed %q", got.status, got.failed())
		}
	}
}
