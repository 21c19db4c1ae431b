package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Of 500 clients, 50 are served at once, 200 wait their turn and the rest are
// turned away, while whoever checks the process' health sees nothing of it.
func TestMoreClientsThanAreServed(t *testing.T) {
	const clients, most = 500, 50
	var now, peak atomic.Int64
	gate, open := context.WithCancel(context.Background())
	defer open()
	site := &Site{
		MaxRequests:  most,
		MaxQueueWait: time.Minute,
		Passthrough:  answer("passed"),
		Logs: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := now.Add(1)
			defer now.Add(-1)
			for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
			}
			<-gate.Done()
			io.WriteString(w, "logs")
		}),
	}
	d := startServer(t, &Server{Reload: func() error { return nil }}, site)
	d.client.Timeout = time.Minute
	replies := make(chan reply, clients)
	for range clients {
		go func() { replies <- d.get(logsPath) }()
	}
	const refused = clients - most*(1+queueFactor)
	for range refused {
		got := within(t, replies)
		if got.code != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "30" || got.body != "too many log requests at once\n" {
			t.Errorf("got %+v, want 503 with Retry-After", got)
		}
	}
	if serving, waiting := d.underWay(); serving != most || waiting != most*queueFactor {
		t.Errorf("%d are served, %d wait", serving, waiting)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/system/functions"} {
		if got := d.get(path); got.code != http.StatusOK {
			t.Errorf("%s: got %+v", path, got)
		}
	}
	open()
	for range clients - refused {
		if got := within(t, replies); got.err != nil || got.code != http.StatusOK || got.body != "logs" {
			t.Errorf("got %+v, want 200", got)
		}
	}
	if peak.Load() != most {
		t.Errorf("%d were served at once, want %d", peak.Load(), most)
	}
	if serving, waiting := d.underWay(); serving != 0 || waiting != 0 {
		t.Errorf("%d are served, %d wait", serving, waiting)
	}
}

func TestRetryAfter(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", 5 * time.Second: "5", time.Hour: "30",
	} {
		w := httptest.NewRecorder()
		unavailable(w, errBusy, wait)
		if got := w.Result(); got.StatusCode != 503 || got.Header.Get("Retry-After") != want || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("after %v: got %+v, want Retry-After %s", wait, got, want)
		}
	}
}

// A header that never ends costs a connection for a while, and nobody else.
func TestAHeaderThatNeverEnds(t *testing.T) {
	const timeout = 300 * time.Millisecond
	d := startServer(t, &Server{headerTimeout: timeout}, &Site{Logs: answer("logs")})
	begin := time.Now()
	var slow []net.Conn
	for range 50 {
		conn := d.dial()
		io.WriteString(conn, "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\nX-Slow: ")
		slow = append(slow, conn)
	}
	go func() { // this one sends a little now and then
		for ; ; time.Sleep(timeout / 10) {
			if _, err := io.WriteString(slow[0], "x"); err != nil {
				return
			}
		}
	}()
	if got := d.get(logsPath); got.code != 200 {
		t.Errorf("another client: got %+v", got)
	}
	for _, conn := range slow {
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	}
	if took := time.Since(begin); took < timeout || took > soon/2 {
		t.Errorf("cut off after %v", took)
	}
}

func TestAHeaderThatIsTooLarge(t *testing.T) {
	d := start(t, &Site{Logs: answer("logs")})
	conn := d.dial()
	go func() {
		fmt.Fprintf(conn, "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\nX-Large: ")
		conn.Write(bytes.Repeat([]byte("x"), 2*maxHeaderBytes))
	}()
	got, _ := io.ReadAll(conn)
	if !bytes.HasPrefix(got, []byte("HTTP/1.1 431 ")) {
		t.Errorf("got %q", got)
	}
}
