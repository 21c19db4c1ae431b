package server

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPassthroughWithoutAProvider(t *testing.T) {
	l := listen(t)
	l.Close()
	var log journal
	p := &Passthrough{Target: &url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("user", "hidden")}, Logger: log.logger()}
	d := start(t, &Site{Passthrough: p})
	got := d.do(http.MethodPost, "/system/functions?token=hidden")
	if got.code != http.StatusBadGateway || got.body != "the provider did not answer\n" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("got %+v", got)
	}
	text := log.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "path=/system/functions error=") || strings.Contains(text, "hidden") {
		t.Errorf("logged:\n%s", text)
	}
	// What the client is still sending must not keep it from the answer.
	if got := d.raw("POST / HTTP/1.1\r\nHost: logmux\r\nContent-Length: 100\r\n\r\nx"); got.code != http.StatusBadGateway {
		t.Errorf("in the middle of a body: got %+v", got)
	}
}

func TestPassthroughOfABrokenBody(t *testing.T) {
	provider, _ := noted()
	d, _, log := passing(t, provider, "")
	got := d.raw("POST / HTTP/1.1\r\nHost: logmux\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n")
	if got.code != http.StatusBadRequest || log.String() != "" {
		t.Errorf("got %+v, logged %q", got, log)
	}
}

// An answer that breaks off is no whole one to the client either, and is logged.
func TestPassthroughOfABrokenAnswer(t *testing.T) {
	d, _, log := passing(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), "")
	if got := d.get("/"); got.err == nil || got.body != "half" {
		t.Errorf("got %+v", got)
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("logged:\n%s", log)
	}
}

func TestAClientOfAPassthroughThatLeaves(t *testing.T) {
	provider, taken, letGo := hanging()
	defer letGo()
	gone := make(chan struct{}, 1)
	d, _, log := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/streams" {
			io.WriteString(w, "line\n")
			http.NewResponseController(w).Flush()
		}
		go io.Copy(io.Discard, r.Body) // or the test's own server does not notice
		provider.ServeHTTP(w, r)
		if r.Context().Err() != nil {
			gone <- struct{}{}
		}
	}), "")
	for _, request := range []string{
		"GET /waits HTTP/1.1\r\nHost: logmux\r\n\r\n",
		"GET /streams HTTP/1.1\r\nHost: logmux\r\n\r\n",
		"POST /uploads HTTP/1.1\r\nHost: logmux\r\nContent-Length: 100\r\n\r\nx",
	} {
		conn := d.dial()
		io.WriteString(conn, request)
		within(t, taken)
		if strings.Contains(request, "streams") {
			conn.Read(make([]byte, 1))
		}
		conn.Close()
		within(t, gone)
	}
	d.stop()
	if err := within(t, d.ended); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, "WARN") {
		t.Errorf("logged:\n%s", text)
	}
}
