package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A reader that has had enough reads no more, and cancels.
func TestRequesterOfAReaderThatStopsReading(t *testing.T) {
	for _, follow := range []bool{false, true} {
		for _, read := range []int{0, 1, 100} {
			t.Run(fmt.Sprintf("follow=%v,after %d", follow, read), func(t *testing.T) {
				noLeak(t)
				ended := make(chan proxy.Report, 1)
				provider := http.Handler(new(flood))
				if !follow {
					provider = floods(make(chan struct{}))
				}
				h, logs := newRequester(t, serve(t, "a", provider, ordered))
				h.Ended = func(r proxy.Report) { ended <- r }
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				messages, err := logs.Query(ctx, logsRequest{Name: "fn", Follow: follow})
				if err != nil {
					t.Fatal(err)
				}
				take(t, messages, read)
				cancel()
				awaits(t, ended, "the end of the request")
				take(t, messages, -1)
			})
		}
	}
}

// A reader that never reads holds up the upstreams, and does not fill memory.
func TestRequesterOfASlowReader(t *testing.T) {
	f := new(flood)
	h, logs := newRequester(t, serve(t, "a", f, asFaasNetes))
	ended := make(chan proxy.Report, 1)
	h.Ended = func(r proxy.Report) { ended <- r }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	messages, err := logs.Query(ctx, logsRequest{Name: "fn", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	take(t, messages, 1)
	// The upstream is at rest once it has sent no more for a while.
	deadline := time.After(bounds)
	for sent := int64(-1); sent != f.sent.Load(); {
		sent = f.sent.Load()
		select {
		case <-time.After(2 * soon):
		case <-deadline:
			t.Fatalf("the upstream still sends after %v: %d bytes", bounds, sent)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if sent := f.sent.Load(); sent > 24<<20 || sent == 0 {
		t.Errorf("the upstream could send %d bytes to a reader that reads nothing", sent)
	}
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 24<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	cancel()
	awaits(t, ended, "the end of the request")
}

func TestRequesterEndsWhenTheProcessStops(t *testing.T) {
	noLeak(t)
	store := quietStore()
	h, logs := newRequester(t, serve(t, "a", &sample.FaasNetes{Store: store}, asFaasNetes))
	stopping, stop := context.WithCancel(t.Context())
	defer stop()
	h.Stopping, h.ReorderWindow = stopping, time.Hour
	messages, err := logs.Query(t.Context(), logsRequest{Name: "fn", Follow: true, Tail: 1})
	if err != nil {
		t.Fatal(err)
	}
	take(t, messages, 1)
	stop()
	take(t, messages, -1)
}

// A query is reported as a request is.
func TestRequesterReports(t *testing.T) {
	h, logs := newRequester(t, serve(t, "a", answers(threeLines())), serve(t, "b", http.HandlerFunc(says404)))
	ended := make(chan proxy.Report, 1)
	h.Ended = func(r proxy.Report) { ended <- r }
	messages, err := logs.Query(t.Context(), logsRequest{Name: "fn", Tail: 2})
	if err != nil {
		t.Fatal(err)
	}
	take(t, messages, -1)
	r := awaits(t, ended, "the report")
	if r.Status != 200 || r.Request.Name != "fn" || r.Request.Tail != 2 || len(r.Results) != 2 || r.Results[0].Outcome != proxy.OK || r.Results[1].Outcome != proxy.Absent {
		t.Errorf("reported %+v", r)
	}
}

// A provider that serves these logs as its own can be asked as any other.
func TestRequesterBehindAProvider(t *testing.T) {
	_, logs := newRequester(t, serve(t, "a", answers(threeLines())), serve(t, "b", answers(fiveLines())))
	provider := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		messages, err := logs.Query(r.Context(), logsRequest{Name: r.URL.Query().Get("name")})
		if err != nil {
			http.Error(w, "function log request failed", http.StatusInternalServerError)
			return
		}
		for m := range messages {
			io.WriteString(w, logLine(m.Instance, m.Timestamp, m.Text))
		}
	})
	got := newProxy(t, serve(t, "mounted", provider)).ask(t, "name=fn")
	got.holds(t, inOrder(t, 0, threeLines(), fiveLines()))
}
