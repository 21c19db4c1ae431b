package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRoutes(t *testing.T) {
	d := startServer(t, &Server{Reload: func() error { return nil }}, &Site{Logs: answer("logs")})
	without := []struct {
		method, path string
		code         int
		body, allow  string
	}{
		{"GET", "/system/logs?name=f", 200, "logs", ""},
		{"POST", "/system/logs?name=f", 405, "only GET is served here\n", "GET"},
		{"HEAD", "/system/logs?name=f", 405, "", "GET"},
		{"GET", "/healthz", 200, "ok\n", ""},
		{"HEAD", "/healthz", 200, "", ""},
		{"POST", "/healthz", 405, "only GET, HEAD is served here\n", "GET, HEAD"},
		{"GET", "/readyz", 200, "ok\n", ""},
		{"HEAD", "/readyz", 200, "", ""},
		{"PUT", "/readyz", 405, "only GET, HEAD is served here\n", "GET, HEAD"},
		{"GET", "/metrics", 200, "metrics", ""},
		{"HEAD", "/metrics", 405, "", "GET"},
		{"DELETE", "/metrics", 405, "only GET is served here\n", "GET"},
		{"GET", "/", 404, "404 page not found\n", ""},
		{"GET", "/system/logs/", 404, "404 page not found\n", ""},
		{"GET", "//system/logs", 404, "404 page not found\n", ""},
		{"GET", "/a/../healthz", 404, "404 page not found\n", ""},
		{"POST", "/-/reload", 404, "404 page not found\n", ""},
		{"GET", "/system/logs?name=" + strings.Repeat("f", maxQuery), 414, "the query is longer than 8192 bytes\n", ""},
	}
	for _, tt := range without {
		t.Run(tt.method+tt.path[:min(len(tt.path), 30)], func(t *testing.T) {
			got := d.do(tt.method, tt.path)
			if got.err != nil || got.code != tt.code || got.body != tt.body || got.header.Get("Allow") != tt.allow {
				t.Errorf("got %+v, want %d %q Allow %q", got, tt.code, tt.body, tt.allow)
			}
		})
	}
	d.Swap(&Site{Logs: answer("logs"), Passthrough: answer("passed"), ReloadEndpoint: true})
	for _, tt := range without {
		t.Run("passthrough"+tt.method+tt.path[:min(len(tt.path), 30)], func(t *testing.T) {
			code, body := tt.code, tt.body
			switch {
			case tt.path == "/-/reload":
				code, body = 200, "reloaded\n"
			case code == 404:
				code, body = 200, "passed"
			}
			if got := d.do(tt.method, tt.path); got.err != nil || got.code != code || got.body != body {
				t.Errorf("got %+v, want %d %q", got, code, body)
			}
		})
	}
}

func TestReload(t *testing.T) {
	var d *daemon
	fails := errors.New("config.yaml:3: server.listen: must be host:port")
	var result error
	s := &Server{Reload: func() error {
		if result == nil {
			d.Swap(&Site{Logs: answer("new"), ReloadEndpoint: true})
		}
		return result
	}}
	d = startServer(t, s, &Site{Logs: answer("old"), ReloadEndpoint: true})
	for _, tt := range []struct {
		method string
		result error
		code   int
		body   string
		logs   string // afterwards
	}{
		{"GET", nil, 405, "only POST is served here\n", "old"},
		{"POST", fails, 500, fails.Error() + "\n", "old"},
		{"POST", nil, 200, "reloaded\n", "new"},
	} {
		result = tt.result
		got := d.do(tt.method, "/-/reload")
		if got.code != tt.code || got.body != tt.body || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("got %+v, want %d %q", got, tt.code, tt.body)
		}
		if got := d.get(logsPath); got.body != tt.logs {
			t.Errorf("logs afterwards: got %+v, want %q", got, tt.logs)
		}
	}
}

// A client that sends its body in no time it would take is answered as any
// other, and let go.
func TestABodyThatNeverEnds(t *testing.T) {
	for _, tt := range []struct {
		name, head string
		code       int
	}{
		{"logs", "GET /system/logs?name=f HTTP/1.1\r\nContent-Length: 100", 200},
		{"logs, of a length that is open", "GET /system/logs?name=f HTTP/1.1\r\nTransfer-Encoding: chunked", 200},
		{"logs, which it would send if asked to", "GET /system/logs?name=f HTTP/1.1\r\nContent-Length: 100\r\nExpect: 100-continue", 200},
		{"health", "GET /healthz HTTP/1.1\r\nContent-Length: 100", 200},
		{"unauthorized", "POST /function/f HTTP/1.1\r\nContent-Length: 100\r\nX-Nobody: true", 401},
		{"not found", "POST /function/f HTTP/1.1\r\nContent-Length: 100", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := start(t, &Site{
				Logs:       answer("logs"),
				Authorized: func(r *http.Request) bool { return r.Header.Get("X-Nobody") == "" },
			})
			conn := d.dial()
			fmt.Fprintf(conn, "%s\r\nHost: logmux\r\n\r\n", tt.head)
			begin := time.Now()
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != tt.code || !resp.Close {
				t.Errorf("got %+v, %v", resp, err)
			}
			if took := time.Since(begin); took > lingerTimeout/2 {
				t.Errorf("answered after %v", took)
			}
			if _, err := in.ReadByte(); err == nil {
				t.Error("the connection goes on")
			}
			if took := time.Since(begin); took > lingerTimeout+soon/4 {
				t.Errorf("let go after %v", took)
			}
		})
	}
}

// A client may send a body with a log request, and its leaving is noticed none
// the less.
func TestAClientWithABodyLeavesTheQueue(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Logs: logs, MaxRequests: 1, MaxQueueWait: time.Hour})
	running := d.begin(taken)
	for _, body := range []string{"", "{}", strings.Repeat("x", 10)} {
		conn := d.dial()
		fmt.Fprintf(conn, "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\nContent-Length: 10\r\n\r\n%s", body)
		eventually(t, "it waits", func() bool { _, n := d.underWay(); return n == 1 })
		conn.Close()
		eventually(t, "it left", func() bool { _, n := d.underWay(); return n == 0 })
	}
	letGo()
	within(t, running)
}

// A body that is not wanted is not asked for.
func TestAClientThatWaitsToBeAskedForItsBody(t *testing.T) {
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Logs: logs})
	conn := d.dial()
	io.WriteString(conn, "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	within(t, taken)
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	letGo()
	conn.SetReadDeadline(time.Now().Add(soon))
	if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil || got != "HTTP/1.1 200 OK\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// What comes before the end of a body that is not read arrives whole.
func TestALongAnswerToABodyThatNobodyReads(t *testing.T) {
	text := bytes.Repeat([]byte("line\n"), 200_000)
	d := start(t, &Site{Logs: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(text) })})
	for _, size := range []int{1, 10_000, 2 * maxDiscard} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+logsPath, bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.send(req); got.err != nil || got.code != 200 || got.body != string(text) {
			t.Errorf("body of %d bytes: got %d with %d bytes, %v", size, got.code, len(got.body), got.err)
		}
	}
}
