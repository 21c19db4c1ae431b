package server

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestASiteIsClosedAfterItsLastRequest(t *testing.T) {
	var s sites
	closed := map[string]int{}
	site := func(name string) *Site { return &Site{Close: func() { closed[name]++ }} }
	wants := func(when string, want map[string]int) {
		t.Helper()
		for _, name := range []string{"a", "b", "c", "d"} {
			if closed[name] != want[name] {
				t.Errorf("%s: %s was closed %d times, want %d", when, name, closed[name], want[name])
			}
		}
	}
	s.swap(site("a"))
	one, two := s.enter(), s.enter()
	s.swap(site("b"))
	s.swap(site("c"))
	wants("b was never used", map[string]int{"b": 1})
	s.leave(one)
	wants("a is used", map[string]int{"b": 1})
	s.leave(two)
	wants("a is not used any more", map[string]int{"a": 1, "b": 1})
	three := s.enter()
	s.end()
	s.end()
	wants("c is used", map[string]int{"a": 1, "b": 1})
	s.leave(three)
	wants("c is not used any more", map[string]int{"a": 1, "b": 1, "c": 1})
	s.swap(site("d"))
	wants("d came too late", map[string]int{"a": 1, "b": 1, "c": 1, "d": 1})
	if s.enter() != nil {
		t.Error("there is a site after the end")
	}
}

func TestEras(t *testing.T) {
	var s sites
	plain := &Site{}
	secure := &Site{TLS: func() (*tls.Config, error) { return nil, nil }}
	for i, step := range []struct {
		site *Site
		want int
	}{{plain, 0}, {plain, 0}, {secure, 1}, {secure, 2}, {plain, 3}, {plain, 3}} {
		if got := s.swap(step.site); got != step.want {
			t.Errorf("swap %d: era %d, want %d", i, got, step.want)
		}
	}
}

func TestARequestEndsOnTheSiteItBeganOn(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	closed := make(chan struct{})
	d := start(t, &Site{Logs: logs, Close: func() { close(closed) }})
	running := d.begin(taken)
	d.Swap(&Site{Logs: answer("new")})
	if got := d.get(logsPath); got.body != "new" {
		t.Errorf("the next request: got %+v", got)
	}
	select {
	case <-closed:
		t.Error("the site is closed under its request")
	default:
	}
	letGo()
	if got := within(t, running); got.body != "complete" {
		t.Errorf("the request under way: got %+v", got)
	}
	within(t, closed)
}

func TestALimitThatIsRaisedBySwap(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	site := Site{Logs: logs, MaxRequests: 1, MaxQueueWait: time.Hour}
	d := start(t, &site)
	one := d.begin(taken)
	two := d.sendLogs()
	eventually(t, "one waits", func() bool { _, n := d.underWay(); return n == 1 })
	site.MaxRequests = 2
	d.Swap(&site)
	within(t, taken)
	if serving, waiting := d.underWay(); serving != 2 || waiting != 0 {
		t.Errorf("%d are served, %d wait", serving, waiting)
	}
	letGo()
	for _, c := range []<-chan reply{one, two} {
		if got := within(t, c); got.body != "complete" {
			t.Errorf("got %+v", got)
		}
	}
}

// A site's write timeout holds for its requests, on whatever connection they come.
func TestTheWriteTimeoutOfASite(t *testing.T) {
	const timeout = 200 * time.Millisecond
	took := make(chan time.Duration)
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begin := time.Now()
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				took <- time.Since(begin)
				return
			}
		}
	})
	d := start(t, &Site{Logs: answer("logs"), WriteTimeout: time.Hour})
	conn := d.dial()
	for _, logs := range []http.Handler{answer("logs"), endless} {
		d.Swap(&Site{Logs: logs, WriteTimeout: timeout})
		io.WriteString(conn, "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\n\r\n")
		conn.Read(make([]byte, 1))
	}
	if d := within(t, took); d < timeout {
		t.Errorf("cut off after %v", d)
	}
}

// Whoever asks while sites are swapped gets an answer, of one site as a whole,
// which is open as long as that takes.
func TestSwapsUnderLoad(t *testing.T) {
	const clients, requests, swaps = 8, 100, 200
	var opened, closed atomic.Int64
	newSite := func() *Site {
		name := strconv.FormatInt(opened.Add(1), 10)
		var over atomic.Bool
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if over.Load() {
				t.Errorf("site %s is closed and serves", name)
			}
			io.WriteString(w, name+" ")
			http.NewResponseController(w).Flush()
			io.WriteString(w, name)
			if over.Load() {
				t.Errorf("site %s was closed under a request", name)
			}
		})
		return &Site{Logs: handler, Passthrough: handler, MaxRequests: clients, ShutdownTimeout: soon, Close: func() {
			if over.Swap(true) {
				t.Errorf("site %s is closed twice", name)
			}
			closed.Add(1)
		}}
	}
	d := startServer(t, &Server{Logger: slog.New(slog.DiscardHandler)}, newSite())
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for i := range requests {
				got := d.get([]string{logsPath, "/system/functions"}[i%2])
				half := len(got.body) / 2
				if got.err != nil || got.code != http.StatusOK || half == 0 || got.body[:half] != got.body[half+1:] {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	for range swaps {
		d.Swap(newSite())
		d.get("/healthz")
	}
	group.Wait()
	if n := opened.Load() - closed.Load(); n != 1 {
		t.Errorf("%d sites are open, want 1", n)
	}
	d.stop()
	within(t, d.ended)
	if n := opened.Load() - closed.Load(); n != 0 {
		t.Errorf("%d sites are open after the end", n)
	}
}
