package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// A flood is a provider that has as much to say as anyone reads. Another
// function than the flooded one is quiet, but for what is in its store.
type flood struct {
	sent  atomic.Int64 // bytes
	quiet sample.Store
}

func (f *flood) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("name") != "fn" {
		(&sample.FaasNetes{Store: &f.quiet}).ServeHTTP(w, r)
		return
	}
	w.WriteHeader(http.StatusOK)
	http.NewResponseController(w).Flush()
	if r.URL.Query().Get("follow") != "true" {
		return
	}
	text := strings.Repeat("x", 1000)
	for r.Context().Err() == nil {
		n, err := io.WriteString(w, logLine("pod", time.Now(), text))
		if err != nil {
			return
		}
		f.sent.Add(int64(n))
	}
}

// A client that reads slowly is felt by the upstreams: what waits is bounded,
// and nobody else is delayed.
func TestFollowOfASlowClient(t *testing.T) {
	const upstreams = 4
	var floods []*flood
	p := newProxy(t)
	for i := range upstreams {
		f := new(flood)
		f.quiet.Append("other", logged("pod", fmt.Sprint("backlog ", i)))
		floods = append(floods, f)
		p.Upstreams = append(p.Upstreams, serve(t, fmt.Sprint("u", i), f))
	}
	p.ReorderWindow = 200 * time.Millisecond
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)

	conn := rawFollow(t, p, "fn")
	conn.SetReadBuffer(8 << 10)
	other := p.get(t.Context(), t, "name=other&follow=true")
	lines := bufio.NewScanner(other.Body)
	next := func(want string) {
		t.Helper()
		start := time.Now()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("the other follower's line took %v", took)
				}
				return
			}
		}
		t.Fatalf("the other follow ended: %v", lines.Err())
	}
	next("backlog 3")
	total := func() (n int64) {
		for _, f := range floods {
			n += f.sent.Load()
		}
		return n
	}
	peak := uint64(0)
	buf := make([]byte, 1024)
	for i := range 40 {
		if _, err := io.ReadFull(conn, buf); err != nil {
			t.Fatalf("a client that reads slowly is cut off: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
		if i%5 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	held := total()
	const most = 48 << 20 // with what the sockets hold
	if held > most {
		t.Errorf("the upstreams could send %d bytes to a client that reads little", held)
	}
	if grown := int64(peak) - int64(before.HeapInuse); grown > 24<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	for i := range 3 {
		text := fmt.Sprint("line ", i)
		floods[i].quiet.Append("other", logged("pod", text))
		next(text)
	}
}

// rawFollow begins a follow whose answer nobody reads but the test.
func rawFollow(t *testing.T, p *testProxy, name string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /system/logs?name=%s&follow=true HTTP/1.1\r\nHost: logmux\r\n\r\n", name)
	return conn.(*net.TCPConn)
}

// One that takes nothing is cut off, and the others do not notice.
func TestFollowOfAClientThatTakesNothing(t *testing.T) {
	t.Parallel()
	f := new(flood)
	f.quiet.Append("other", logged("pod", "backlog"))
	flaky, up := serveFlaky(t, "a", f)
	p := newProxy(t, up)
	p.WriteTimeout, p.ReorderWindow = 700*time.Millisecond, 50*time.Millisecond
	other := p.get(t.Context(), t, "name=other&follow=true")
	lines := bufio.NewScanner(other.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), "backlog") {
	}
	start := time.Now()
	conn := rawFollow(t, p, "fn")
	report := awaits(t, p.reports, "the end of the follow")
	if took := time.Since(start); took < 700*time.Millisecond {
		t.Errorf("it was cut off after %v", took)
	}
	if report.Request.Name != "fn" {
		t.Errorf("the follow of %s has ended", report.Request.Name)
	}
	conn.SetReadDeadline(time.Now().Add(bounds))
	if n, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection stays open after %d bytes", n)
	}
	f.quiet.Append("other", logged("pod", "still there"))
	for lines.Scan() && !strings.Contains(lines.Text(), "still there") {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the other follow: %v", err)
	}
	for range 100 {
		if flaky.under.Load() == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d requests to the upstream are under way, want that of the other follow", flaky.under.Load())
}
