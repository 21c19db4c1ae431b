package proxy_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Those that are parallel mostly wait. With -short, as for the race detector
	// which makes them work, there are no more than there are processors for.
	if !testing.Short() && flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	}
	goleak.VerifyTestMain(m)
}

const (
	soon   = 150 * time.Millisecond // a timeout that a test waits for
	bounds = 8 * time.Second        // more than anything here takes, unless something waits for what it should not
)

// A message is one log line on the wire: logs.Message of faas-provider.
type message struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

// second is an instant that many seconds after a fixed one, long ago.
func second(n float64) time.Time {
	return time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC).Add(time.Duration(n * float64(time.Second)))
}

// logLine is a line as the providers send it.
func logLine(instance string, at time.Time, text string) string {
	encoded, err := json.Marshal(message{"fn", "", instance, at, text})
	if err != nil {
		panic(err)
	}
	return string(encoded) + "\n"
}

// An option changes an upstream.
type option func(*proxy.Upstream)

func ordered(u *proxy.Upstream) { u.Ordered = true }

func idleAfter(d time.Duration) option    { return func(u *proxy.Upstream) { u.IdleTimeout = d } }
func headerWithin(d time.Duration) option { return func(u *proxy.Upstream) { u.HeaderTimeout = d } }

func retries(n int) option {
	return func(u *proxy.Upstream) {
		u.Retry = proxy.Retry{Max: n, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}
	}
}

// at is an upstream at a URL.
func at(t testing.TB, name, rawURL string, options ...option) proxy.Upstream {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	upstream := proxy.Upstream{Name: name, URL: u}
	for _, o := range options {
		o(&upstream)
	}
	return upstream
}

// serve starts a provider and returns it as an upstream.
func serve(t testing.TB, name string, provider http.Handler, options ...option) proxy.Upstream {
	t.Helper()
	server := httptest.NewUnstartedServer(provider)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return at(t, name, server.URL, options...)
}

// answers is a provider that always sends these bytes.
func answers(body ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, strings.Join(body, ""))
	}
}

// answersWire is a provider that sends these bytes as they are, head included, and hangs up.
func answersWire(wire string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, wire)
	}
}

// refusing returns the URL of a port where nobody listens, and nobody will: it
// is a client's.
func refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return "http://" + conn.LocalAddr().String()
}

// A testProxy is a handler behind a server. Its fields may be set before the first request.
type testProxy struct {
	*proxy.Handler
	URL     string
	reports chan proxy.Report // of each request that has ended
	client  *http.Client
}

func newProxy(t testing.TB, upstreams ...proxy.Upstream) *testProxy {
	t.Helper()
	p := &testProxy{
		Handler: &proxy.Handler{Upstreams: upstreams},
		reports: make(chan proxy.Report, 1000),
		client:  &http.Client{Transport: &http.Transport{DisableCompression: true}},
	}
	p.Ended = func(r proxy.Report) {
		select {
		case p.reports <- r:
		default: // nobody reads them
		}
	}
	front := httptest.NewServer(p.Handler)
	p.URL = front.URL
	t.Cleanup(func() {
		p.client.CloseIdleConnections()
		front.Close()
		p.CloseIdleConnections()
	})
	return p
}

// get asks, and leaves the answer to be read until the test ends.
func (p *testProxy) get(ctx context.Context, t testing.TB, query string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/system/logs?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// ask returns the whole answer, held to what is true of every answer.
func (p *testProxy) ask(t testing.TB, query string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*bounds)
	defer cancel()
	a := read(t, p.get(ctx, t, query))
	if a.status == http.StatusOK {
		a.check(t)
	}
	return a
}

// An answer is a response, read to its end.
type answer struct {
	status          int
	header, trailer http.Header
	chunked         bool
	length          int64
	body            string
	logs            string // of the body, the lines that are no warnings
	warnings        []message
}

func read(t testing.TB, resp *http.Response) answer {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("the answer breaks after %d bytes: %v", len(body), err)
	}
	resp.Body.Close()
	return answer{
		status:  resp.StatusCode,
		header:  resp.Header,
		trailer: resp.Trailer,
		chunked: slices.Equal(resp.TransferEncoding, []string{"chunked"}),
		length:  resp.ContentLength,
		body:    string(body),
	}
}

// check holds a 200 to the contract of each one, and reads it as faas-cli does.
func (a *answer) check(t testing.TB) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type %q", got)
	}
	if !a.chunked || a.length != -1 {
		t.Errorf("not chunked, but of length %d", a.length)
	}
	if e := a.header.Get("Content-Encoding"); e != "" {
		t.Errorf("Content-Encoding %q", e)
	}
	messages := decodeAll(t, a.body)
	var logs strings.Builder
	n := 0
	for line := range strings.Lines(a.body) {
		if trimmed := strings.TrimSuffix(line, "\n"); trimmed == "" || trimmed == line || strings.HasSuffix(trimmed, "\r") {
			t.Errorf("not a line in its plain form: %.200q", line)
		}
		if n >= len(messages) {
			t.Fatalf("faas-cli reads %d values of %d lines", len(messages), strings.Count(a.body, "\n"))
		}
		if m := messages[n]; isWarning(m) {
			a.warnings = append(a.warnings, m)
		} else {
			if len(a.warnings) > 0 {
				t.Errorf("a log line after a warning: %.200q", line)
			}
			logs.WriteString(line)
		}
		n++
	}
	a.logs = logs.String()
	if n != len(messages) {
		t.Errorf("faas-cli reads %d values of %d lines", len(messages), n)
	}
}

func isWarning(m message) bool {
	return m.Instance == "logmux" && strings.HasPrefix(m.Text, "logmux: ")
}

// decodeAll reads as faas-cli does, which shows nothing more after the first error.
func decodeAll(t testing.TB, body string) []message {
	t.Helper()
	var all []message
	for decoder := json.NewDecoder(strings.NewReader(body)); ; {
		var m message
		err := decoder.Decode(&m)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Errorf("value %d does not decode: %v", len(all)+1, err)
			return all
		}
		all = append(all, m)
	}
}

// failed is what the header and the trailer say has failed.
func (a *answer) failed() string {
	both := a.header.Values("X-Logmux-Failed")
	return strings.Join(append(slices.Clone(both), a.trailer.Values("X-Logmux-Failed")...), ",")
}

// holds wants a 200 with exactly these log lines, and nothing failed.
func (a *answer) holds(t testing.TB, want string) {
	t.Helper()
	a.holdsLogs(t, want)
	if a.failed() != "" || len(a.warnings) > 0 {
		t.Errorf("failed %q, warnings %v", a.failed(), a.warnings)
	}
}

// holdsLogs wants a 200 with exactly these log lines.
func (a *answer) holdsLogs(t testing.TB, want string) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d, want 200: %.500s", a.status, a.body)
	}
	if a.logs == want {
		return
	}
	got, wanted := splitLines(a.logs), splitLines(want)
	for i := range min(len(got), len(wanted)) {
		if got[i] != wanted[i] {
			t.Fatalf("%d log lines, want %d; line %d is\n%.300q, want\n%.300q", len(got), len(wanted), i, got[i], wanted[i])
		}
	}
	t.Fatalf("%d log lines, want %d; what both have is right\ngot  %.600q\nwant %.600q", len(got), len(wanted), a.logs, want)
}

func splitLines(s string) []string { return slices.Collect(strings.Lines(s)) }

// A keyed line stands where its timestamp says.
type keyed struct {
	key  int64
	line string
}

// keysOf reads the lines of a body, all of which must have a timestamp.
func keysOf(t testing.TB, body string) []keyed {
	t.Helper()
	var all []keyed
	for line := range strings.Lines(body) {
		_, rest, _ := strings.Cut(line, `"timestamp":"`)
		timestamp, _, _ := strings.Cut(rest, `"`)
		at, err := time.Parse(time.RFC3339, timestamp)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, keyed{at.UnixNano(), line})
	}
	return all
}

// inOrder is everything that the upstreams sent, in the one right order, or the newest of it if newest > 0.
func inOrder(t testing.TB, newest int, sent ...string) string {
	t.Helper()
	var all []keyed
	for _, body := range sent {
		all = append(all, keysOf(t, body)...)
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	if newest > 0 {
		all = all[len(all)-min(newest, len(all)):]
	}
	var b bytes.Buffer
	for _, l := range all {
		b.WriteString(l.line)
	}
	return b.String()
}

// awaits wants a channel to be closed, or to get a value, before long.
func awaits[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(bounds):
		t.Fatalf("waited %v for %s", bounds, what)
		panic("unreachable")
	}
}
