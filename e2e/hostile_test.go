package e2e_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

const (
	okHead      = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
	chunkedHead = okHead + "Transfer-Encoding: chunked\r\n\r\n"
)

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// sends is a provider that writes the start, and then the rest without end if there is one.
func sends(start, endless string) func(net.Conn, *http.Request) {
	return func(conn net.Conn, _ *http.Request) {
		io.WriteString(conn, start)
		if endless != "" {
			endlessly(conn, endless)
		}
	}
}

// drips is a provider that writes the start, and then a byte now and then without end.
func drips(start string, b byte) func(net.Conn, *http.Request) {
	return func(conn net.Conn, _ *http.Request) {
		io.WriteString(conn, start)
		for {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond) // that it is slow is the point
		}
	}
}

// gzipBomb is a gigabyte of lines in some megabytes.
func gzipBomb() string {
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	io.WriteString(w, strings.Repeat(smallLine, (8<<20)/len(smallLine)))
	w.Close()
	return strings.Repeat(member.String(), 128) // one behind the other are one, too
}

// A hostile upstream does what none should.
type hostile struct {
	name    string
	url     func(t *testing.T) string
	config  string   // of the upstream
	reasons []string // any of these
	lines   int      // what comes of it all the same, -1 for any number
}

func hostiles() []hostile {
	at := func(script func(net.Conn, *http.Request)) func(*testing.T) string {
		return func(t *testing.T) string { t.Helper(); return raw(t, script) }
	}
	kilobyte := strings.Repeat("x", 1<<10)
	reason := func(reasons ...string) []string { return reasons }
	return []hostile{
		{"redirect to itself", func(t *testing.T) string {
			return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }))
		}, "", reason("status-302"), 0},
		{"certificate of nobody", func(t *testing.T) string {
			a := newAuthority(t)
			return rawTLS(t, &tls.Config{Certificates: []tls.Certificate{a.issue(t, leaf{}).pair}}, sends(okHead+"\r\n"+smallLine, ""))
		}, "", reason("tls"), 0},
		{"handshake without end", func(t *testing.T) string {
			return "https" + strings.TrimPrefix(silent(t), "http")
		}, "dial_timeout: 300ms", reason("tls", "timeout"), 0},
		{"401", func(t *testing.T) string { return broken(t, sample.Refuse(401, nil)) }, "", reason("auth"), 0},
		{"headers without end", at(sends("HTTP/1.1 200 OK\r\n", "X-More: "+kilobyte+"\r\n")), "", reason("malformed"), 0},
		{"a header without end", at(sends("HTTP/1.1 200 OK\r\nX-More: ", kilobyte)), "", reason("malformed"), 0},
		{"a status line without end", at(sends("HTTP/1.1 200 ", kilobyte)), "", reason("malformed"), 0},
		{"a header that drips", at(drips("HTTP/1.1 200 OK\r\nX-More: ", 'x')), "header_timeout: 300ms", reason("timeout"), 0},
		{"1xx without end", at(sends("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")), "", reason("malformed", "timeout"), 0},
		{"large 1xx without end", at(sends("", "HTTP/1.1 103 Early Hints\r\nLink: "+kilobyte+"\r\n\r\n")), "", reason("malformed", "timeout"), 0},
		{"1xx now and then", at(func(conn net.Conn, _ *http.Request) {
			for {
				if _, err := io.WriteString(conn, "HTTP/1.1 102 Processing\r\n\r\n"); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond) // that it is slow is the point
			}
		}), "header_timeout: 300ms", reason("timeout"), 0},
		{"101", at(sends("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", kilobyte)), "", reason("status-101"), 0},
		{"another protocol", at(sends("220 mail.example ESMTP\r\n", "")), "", reason("malformed"), 0},
		{"HTTP/0.9", at(sends("<html>\n", "<p>hello\n")), "", reason("malformed"), 0},
		{"a body without end for HTTP/0.9", at(sends("", kilobyte)), "", reason("malformed"), 0},
		{"a length that is none", at(sends(okHead+"Content-Length: -1\r\n\r\n", "")), "", reason("malformed"), 0},
		{"two lengths", at(sends(okHead+"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "")), "", reason("malformed"), 0},
		{"an unknown transfer encoding", at(sends(okHead+"Transfer-Encoding: gzip\r\n\r\n", "")), "", reason("malformed"), 0},
		{"a header that is none", at(sends("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "")), "", reason("malformed", "truncated"), 0},
		{"a gzip bomb", func(t *testing.T) string {
			bomb := gzipBomb()
			return raw(t, sends(okHead+fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb), bomb), ""))
		}, "", reason("malformed"), 0},
		{"an error page without end", at(sends("HTTP/1.1 500 Oops\r\n\r\n", kilobyte)), "", reason("status-500"), 0},
		{"an error page that drips", at(drips("HTTP/1.1 500 Oops\r\n\r\n", 'x')), "", reason("status-500"), 0},
		{"a chunk extension without end", at(sends(chunkedHead+"5;x=", kilobyte)), "", reason("truncated", "malformed"), 0},
		{"chunk extensions without end", at(sends(chunkedHead, "1;x="+kilobyte+"\r\n\n\r\n")), "", reason("truncated", "malformed"), 0},
		{"a chunk of more than all", at(sends(chunkedHead+"FFFFFFFFFFFFFFFF\r\n", "")), "", reason("truncated", "malformed"), 0},
		{"a chunk length without end", at(sends(chunkedHead, "00000000")), "", reason("truncated", "malformed"), 0},
		{"blank lines without end", at(sends(okHead+"\r\n", "\n\r\n\n\n")), "", reason("timeout"), 0},
		{"trailers without end", at(sends(chunkedHead+chunk(smallLine)+"0\r\n", "X-More: "+kilobyte+"\r\n")), "", reason("truncated", "malformed"), 1},
		{"a trailer without end", at(sends(chunkedHead+chunk(smallLine)+"0\r\nX-More: ", kilobyte)), "", reason("truncated", "malformed"), 1},
		{"more than it said", at(sends(okHead+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(smallLine)-5)+smallLine, "")), "", reason("truncated"), 1},
		{"less than it said", at(sends(okHead+"Content-Length: 1000000\r\n\r\n"+smallLine, "")), "", reason("truncated"), 1},
		{"a line without end", at(sends(chunkedHead+chunk(smallLine), chunk(kilobyte))), "", reason("timeout"), 2},
		{"a line of a message without end", at(sends(okHead+"\r\n"+smallLine+smallLine[:len(smallLine)-5], kilobyte)), "max_line_bytes: 10KiB", reason("timeout"), 2},
		{"a line that drips", at(drips(okHead+"\r\n"+smallLine, 'x')), "", reason("timeout"), 2},
		{"zeros without end", at(sends(okHead+"\r\n", strings.Repeat("\x00", 1<<10))), "", reason("timeout", "malformed"), 1},
		{"lines without end", at(sends(okHead+"\r\n", smallLine)), "", reason("timeout"), -1},
		{"lines of nothing without end", at(sends(okHead+"\r\n", "{}\n")), "", reason("timeout"), -1},
		{"lines that are none without end", at(sends(okHead+"\r\n", "x\n")), "", reason("timeout"), -1},
		{"warnings without end", at(sends(okHead+"\r\n", message{"small", "", "logmux", time.Now(), "logmux: " + kilobyte}.wire())), "kind: logmux", reason("timeout"), -1},
	}
}

// silent takes connections and neither hears nor says anything.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

const (
	hostileTimeout = time.Second // of a bounded request
	maxLine        = 64 << 10
)

func (h hostile) start(t *testing.T) *daemon {
	t.Helper()
	return start(t, fmt.Sprintf(`
query: {timeout: %v, backlog_timeout: %v, follow_timeout: %v, memory_limit: 4MiB, spill_limit: 1MiB, reorder_window: 0}
defaults: {max_line_bytes: %dKiB}
upstreams:
  - {name: good, url: $good}
  - name: bad
    url: $bad
    retry: {max: 1, min_wait: 1ms, max_wait: 2ms}
    %s
`, hostileTimeout, hostileTimeout, patience, maxLine>>10, h.config), hosts{"good": serve(t, answers(goodLine)), "bad": h.url(t)})
}

var goodLine = message{"small", "", "good", time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), "from the good one"}.wire()

// TestHostile has one upstream that does what none should, beside a good one, and asks in each way at once.
func TestHostile(t *testing.T) {
	for _, tt := range hostiles() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			logmux := tt.start(t)
			var all sync.WaitGroup
			for _, query := range []string{"name=small", "name=small&tail=5", "name=small&follow=true"} {
				follow := strings.Contains(query, "follow")
				if follow && tt.lines < 0 {
					continue // there would be no end of lines
				}
				all.Go(func() {
					begin := time.Now()
					resp, err := logmux.client.Get(logmux.url + "/system/logs?" + query)
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					got := heard{t: t, query: query}
					got.read(resp.Body, func() bool { return follow && got.good > 0 && (tt.lines > 0 || got.names("bad", tt.reasons)) })
					if took := time.Since(begin); took > hostileTimeout+5*time.Second {
						t.Errorf("%s: the answer took %v", query, took)
					}
					tt.check(got, follow)
					if failed := resp.Header.Get("X-Logmux-Failed") + resp.Trailer.Get("X-Logmux-Failed"); !follow && !slices.ContainsFunc(tt.reasons, func(reason string) bool {
						return failed == "bad="+reason
					}) {
						t.Errorf("%s: X-Logmux-Failed %q, want bad=%s", query, failed, strings.Join(tt.reasons, "|"))
					}
				})
			}
			all.Wait()
			logmux.checkMemory()
		})
	}
}

// heard is what came of the good upstream and of the other one, and what was said.
type heard struct {
	t     *testing.T
	query string
	good  int
	lines int
	told  []string
}

// read reads an answer to its end, or until all is there.
func (h *heard) read(body io.Reader, there func() bool) {
	r := bufio.NewReader(body)
	for !there() {
		line, err := r.ReadString('\n')
		if err == io.EOF && line == "" {
			return
		}
		if err != nil {
			h.t.Errorf("%s: %v", h.query, err)
			return
		}
		var m message
		switch err := json.Unmarshal([]byte(line), &m); {
		case line == "\n" && strings.Contains(h.query, "follow"):
		case err != nil || len(line) > 6*maxLine+1000: // as JSON may have it
			h.t.Errorf("%s: a line of %d bytes, %v: %.100s", h.query, len(line), err, line)
		case m.isWarning():
			h.told = append(h.told, m.Text)
		case line == goodLine:
			h.good++
		default:
			h.lines++
		}
	}
}

func (h *heard) says(what string) bool {
	return slices.ContainsFunc(h.told, func(text string) bool { return strings.Contains(text, what) })
}

// names reports whether a warning says that an upstream failed, and by one of the reasons.
func (h *heard) names(upstream string, reasons []string) bool {
	return slices.ContainsFunc(reasons, func(reason string) bool { return h.says("logmux: " + upstream + " failed: " + reason + ": ") })
}

func (h hostile) check(got heard, follow bool) {
	missing := h.lines < 0 && (strings.Contains(got.query, "tail") || got.says("lines before")) // there are so many others
	if got.good != 1 && !missing {
		got.t.Errorf("%s: the good one's line is there %d times", got.query, got.good)
	}
	if got.lines != h.lines && h.lines >= 0 && !follow {
		got.t.Errorf("%s: %d lines of the bad one, want %d", got.query, got.lines, h.lines)
	}
	// In a follow, what breaks off is asked again, which is no failure while it sends lines.
	if !got.names("bad", h.reasons) && !(follow && h.lines > 0) {
		got.t.Errorf("%s: no warning says that bad failed by %s: %.300q", got.query, strings.Join(h.reasons, "|"), got.told[:min(3, len(got.told))])
	}
}
