package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A gauge is a provider that counts the requests it has at once.
type gauge struct {
	http.Handler
	now, most, all atomic.Int64
}

func (g *gauge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.all.Add(1)
	n := g.now.Add(1)
	defer g.now.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	g.Handler.ServeHTTP(w, r)
}

// slowly answers after a while.
func slowly(after time.Duration, next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(after):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// TestMaxRequests has far more clients at once than are served at once: nobody is left without an answer.
func TestMaxRequests(t *testing.T) {
	const limit, hold = 50, 200 * time.Millisecond
	for _, tt := range []struct {
		name    string
		clients int
		wait    string
		least   int // answers of 200
		most    int
	}{
		{"more than may wait", 500, "10s", 5 * limit, 5*limit + limit}, // four times as many wait; the last come when the first have left
		{"more than are served in time", 500, "100ms", limit, 4 * limit},
		{"nobody waits", 500, "0", limit, 4 * limit},
		{"all are served in the end", 5 * limit, "10s", 5 * limit, 5 * limit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			provider := &gauge{Handler: slowly(hold, answers(smallLine))}
			logmux := start(t, fmt.Sprintf("server: {listen: $listen, max_requests: %d, max_queue_wait: %s}\nupstreams: [{name: one, url: $one}]", limit, tt.wait),
				hosts{"one": serve(t, provider)})
			stop := logmux.watchHealth()
			got := logmux.crowd(tt.clients)
			checks, slowest := stop()
			if checks < 3 {
				t.Errorf("%d health checks show nothing", checks)
			}
			t.Logf("%v; %d health checks, the slowest took %v; %d MiB", got, checks, slowest, logmux.memory()>>20)
			if slowest > 2*time.Second {
				t.Errorf("a health check took %v", slowest)
			}
			if n := provider.most.Load(); n != limit {
				t.Errorf("%d requests at once at the upstream, want %d", n, limit)
			}
			if served := got[http.StatusOK]; served < tt.least || served > tt.most || served+got[http.StatusServiceUnavailable] != tt.clients {
				t.Errorf("answers by status %v, want %d to %d of 200, and for all others 503", got, tt.least, tt.most)
			}
			if n := provider.all.Load(); n != int64(got[http.StatusOK]) {
				t.Errorf("the upstream was asked %d times for %d answers", n, got[http.StatusOK])
			}
			logmux.ask("name=small").ok().silent().has([]string{smallLine})
			logmux.checkMemory()
		})
	}
}

// crowd has so many clients ask at once, and counts the answers by status.
func (d *daemon) crowd(n int) map[int]int {
	d.t.Helper()
	var mu sync.Mutex
	counts := map[int]int{}
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range n {
		all.Go(func() {
			<-begin
			got, err := d.fetch(http.MethodGet, "/system/logs?name=small", nil)
			seconds, _ := strconv.Atoi(got.header.Get("Retry-After"))
			switch {
			case err != nil:
				d.t.Error(err)
			case got.status == http.StatusOK && got.body != smallLine:
				d.t.Errorf("body %q", got.body)
			case got.status == http.StatusServiceUnavailable && (seconds < 1 || seconds > 60):
				d.t.Errorf("Retry-After %q", got.header["Retry-After"])
			}
			mu.Lock()
			defer mu.Unlock()
			counts[got.status]++
		})
	}
	close(begin)
	all.Wait()
	return counts
}

// watchHealth checks the health endpoints again and again, on connections of their own as a kubelet does, until stop.
func (d *daemon) watchHealth() (stop func() (checks int, slowest time.Duration)) {
	done, ended := make(chan struct{}), make(chan struct{})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	var checks int
	var slowest time.Duration
	go func() {
		defer close(ended)
		for {
			for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
				begin := time.Now()
				resp, err := client.Get(d.url + path)
				if err != nil {
					d.t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					d.t.Errorf("%s: status %d", path, resp.StatusCode)
				}
				slowest = max(slowest, time.Since(begin))
				checks++
			}
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() (int, time.Duration) {
		close(done)
		<-ended
		return checks, slowest
	}
}

// TestMaxRequestsOfFollowers has followers take all places, until one leaves.
func TestMaxRequestsOfFollowers(t *testing.T) {
	logmux := start(t, "server: {listen: $listen, max_requests: 3, max_queue_wait: 100ms}\nupstreams: [{name: one, url: $one, follow_mode: poll}]",
		hosts{"one": serve(t, answers(smallLine))})
	var followers []*http.Response
	for range 3 {
		resp := logmux.open("name=small&follow=true")
		defer resp.Body.Close()
		if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		followers = append(followers, resp)
	}
	if got := logmux.ask("name=small"); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q; want 503 and a time", got.status, got.header.Get("Retry-After"))
	}
	followers[1].Body.Close()
	eventually(t, "there is a place", func() bool { return logmux.ask("name=small").status == http.StatusOK })
}

// TestHeaderSize is what a client may send before it is heard.
func TestHeaderSize(t *testing.T) {
	logmux := start(t, "upstreams: [{name: one, url: $one}]", hosts{"one": serve(t, answers(smallLine))})
	for _, tt := range []struct {
		name          string
		header, query int // bytes
		want          int
	}{
		{"a header that is long", 60_000, 0, http.StatusOK},
		{"a header that is too long", 80_000, 0, http.StatusRequestHeaderFieldsTooLarge},
		{"a header that is far too long", 2_000_000, 0, http.StatusRequestHeaderFieldsTooLarge},
		{"a query that is long", 0, 8_000, http.StatusOK},
		{"a query that is too long", 0, 8_300, http.StatusRequestURITooLong},
		{"a query that is far too long", 0, 60_000, http.StatusRequestURITooLong},
		{"a query that is longer than any header", 0, 2_000_000, http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := logmux.of(t).dial()
			go fmt.Fprintf(conn, "GET /system/logs?name=small&x=%s HTTP/1.1\r\nHost: logmux\r\nX-Long: %s\r\nConnection: close\r\n\r\n",
				strings.Repeat("x", tt.query), strings.Repeat("x", tt.header)) // it may be closed before it is all sent
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
	logmux.checkMemory()
}

// dial connects to the daemon until the test's end, and has it answer within the patience of a test.
func (d *daemon) dial() net.Conn {
	d.t.Helper()
	_, address, _ := strings.Cut(d.url, "://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// TestSlowHeaders has clients that take for ever to say what they want: they are cut off, and nobody else notices.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	skipShort(t)
	const clients = 200
	a := newAuthority(t)
	cert := a.issue(t, leaf{})
	url := serve(t, answers(smallLine))
	plain := start(t, "server: {listen: $listen, max_requests: 2}\nupstreams: [{name: one, url: $one}]", hosts{"one": url})
	file := configFile(t, fmt.Sprintf("server: {listen: $listen, tls: {cert_file: %s, key_file: %s}}\nupstreams: [{name: one, url: $one}]", cert.certFile, cert.keyFile),
		hosts{"one": url})
	encrypted := launch(t, file, "https", &http.Transport{TLSClientConfig: a.client()})
	begin := time.Now()
	var all sync.WaitGroup
	for i := range clients {
		logmux := plain
		if i%2 == 0 {
			logmux = encrypted // there the handshake is what takes for ever
		}
		conn := logmux.dial()
		drips := []byte("GET /system/logs?name=small HTTP/1.1\r\nHost: logmux\r\nX-Slow: " + strings.Repeat("x", 1000))
		all.Go(func() {
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				io.Copy(io.Discard, conn) // there may be a word about it
			}()
			for _, b := range drips {
				if i%3 == 0 {
					b = 0x16 // as a handshake begins
				}
				if i%5 > 0 { // the others say nothing at all
					conn.Write([]byte{b})
				}
				select {
				case <-closed:
					if took := time.Since(begin); took > 15*time.Second {
						t.Errorf("a client was cut off after %v", took)
					}
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
			t.Error("a client was not cut off")
		})
	}
	for range 5 {
		for _, logmux := range []*daemon{plain, encrypted} {
			logmux.ask("name=small").ok().silent().has([]string{smallLine})
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the others were answered within %v", took)
	}
	all.Wait()
	for _, logmux := range []*daemon{plain, encrypted} {
		logmux.ask("name=small").ok().silent().has([]string{smallLine})
		logmux.checkMemory()
	}
}
