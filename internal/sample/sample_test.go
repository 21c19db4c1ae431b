package sample

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(t testing.TB, timestamp string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func clockAt(t testing.TB, timestamp string) func() time.Time {
	now := at(t, timestamp)
	return func() time.Time { return now }
}

func fixture(t testing.TB, file string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func messages(t testing.TB, ndjson string) []message {
	t.Helper()
	var all []message
	for decoder := json.NewDecoder(strings.NewReader(ndjson)); decoder.More(); {
		var m message
		if err := decoder.Decode(&m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// fill appends what a provider sent.
func fill(store *Store, sent ...message) *Store {
	for _, m := range sent {
		store.Append(m.Name, Line{m.Instance, m.Namespace, m.Timestamp, m.Text})
	}
	return store
}

// series is n lines of an instance, step apart, the last one at end; each is numbered.
func series(instance string, n int, step time.Duration, end time.Time) []Line {
	var lines []Line
	for i := range n {
		lines = append(lines, Line{
			Instance: instance,
			Time:     end.Add(-time.Duration(n-1-i) * step),
			Text:     fmt.Sprintf("%s line %02d", instance, i),
		})
	}
	return lines
}

var dateHeader = regexp.MustCompile(`Date: [^\r]*\r\n`)

// askRaw sends a log request over a connection of its own, and returns the answer's head without its date,
// and its body.
func askRaw(t *testing.T, handler http.Handler, query string) (head, body string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /system/logs?%s HTTP/1.1\r\nHost: sample\r\n\r\n", query)
	answer := bufio.NewReader(conn)
	head, size, chunked := readHead(t, answer)
	var rest io.Reader = io.LimitReader(answer, size)
	if chunked {
		rest = httputil.NewChunkedReader(answer)
	}
	content, err := io.ReadAll(rest)
	if err != nil {
		t.Fatal(err)
	}
	return head, string(content)
}

func readHead(t *testing.T, answer *bufio.Reader) (head string, size int64, chunked bool) {
	t.Helper()
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := answer.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscanf(line, "Content-Length: %d", &size)
		head += line
	}
	return dateHeader.ReplaceAllString(head, ""), size, strings.Contains(head, "chunked")
}

// ask returns the status and the body of a bounded answer.
func ask(t testing.TB, handler http.Handler, query string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/system/logs?"+query, nil))
	return w.Code, w.Body.String()
}

// texts joins the texts of an answer, in order.
func texts(t testing.TB, ndjson string) string {
	t.Helper()
	var all []string
	for _, m := range messages(t, ndjson) {
		all = append(all, strings.TrimSuffix(m.Text, "\n"))
	}
	return strings.Join(all, ",")
}

// byInstance groups an answer's lines, so that only the order within an instance counts.
func byInstance(t testing.TB, ndjson string) map[string]string {
	t.Helper()
	groups := make(map[string]string)
	for line := range strings.Lines(ndjson) {
		groups[messages(t, line)[0].Instance] += line
	}
	return groups
}

// A follower reads a running answer line by line.
type follower struct {
	t    *testing.T
	body *bufio.Reader
}

// follow asks over HTTP, and lets go of the answer when the test ends.
func follow(t *testing.T, handler http.Handler, query string) follower {
	t.Helper()
	server := httptest.NewServer(handler)
	response, err := server.Client().Get(server.URL + "/system/logs?follow=true&" + query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		response.Body.Close()
		server.Close()
	})
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	return follower{t, bufio.NewReader(response.Body)}
}

func (f follower) lines(n int) string {
	f.t.Helper()
	var lines bytes.Buffer
	for range n {
		line, err := f.body.ReadBytes('\n')
		if err != nil {
			f.t.Fatalf("after %q: %v", lines.String(), err)
		}
		lines.Write(line)
	}
	return lines.String()
}
