package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// sendsThen sends lines, hands them to the network, and goes on to the rest.
func sendsThen(lines string, rest http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, lines)
		http.NewResponseController(w).Flush()
		rest(w, r)
	}
}

// awaitsThen waits until c is closed, and goes on to the rest.
func awaitsThen(c <-chan struct{}, rest http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-c:
			rest(w, r)
		case <-r.Context().Done():
		}
	}
}

// cuts breaks the connection.
func cuts(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hangs waits for the client to leave.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// readLines reads so many lines of an answer under way.
func readLines(t *testing.T, body *bufio.Reader, n int) string {
	t.Helper()
	var lines string
	for range n {
		line, err := body.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", lines, err)
		}
		lines += line
	}
	return lines
}

func TestLinesAreSentWhileTheyArrive(t *testing.T) {
	first, rest := logLine("a", second(1), "first"), logLine("a", second(3), "rest")
	other, last := logLine("b", second(2), "other"), logLine("b", second(4), "last")
	for _, test := range []struct {
		name string
		// The lines that both upstreams hold back nothing of, and the rest.
		begin, end [2]string
		early      string
	}{
		{"one of two", [2]string{first, other}, [2]string{rest, last}, first},
		{"several", [2]string{first + rest, other + last}, [2]string{}, first + other + rest},
		{"none but the first", [2]string{first, last}, [2]string{rest, ""}, first},
	} {
		t.Run(test.name, func(t *testing.T) {
			more := make(chan struct{})
			var upstreams []proxy.Upstream
			for i := range 2 {
				upstreams = append(upstreams, serve(t, fmt.Sprintf("u%d", i), sendsThen(test.begin[i], awaitsThen(more, answers(test.end[i]))), ordered))
			}
			p := newProxy(t, upstreams...)
			ctx, cancel := context.WithTimeout(t.Context(), bounds)
			defer cancel()
			resp := p.get(ctx, t, "name=fn")
			body := bufio.NewReader(resp.Body)
			if got := readLines(t, body, strings.Count(test.early, "\n")); got != test.early {
				t.Errorf("early\n%s, want\n%s", got, test.early)
			}
			close(more)
			all, err := io.ReadAll(body)
			if err != nil {
				t.Error(err)
			}
			want := strings.TrimPrefix(inOrder(t, 0, test.begin[0]+test.end[0], test.begin[1]+test.end[1]), test.early)
			if string(all) != want {
				t.Errorf("then\n%s, want\n%s", all, want)
			}
		})
	}
}

// A failure that comes when the status is long sent is told in the trailer and the body.
func TestLateFailure(t *testing.T) {
	first, second := logLine("a", second(1), "first"), logLine("b", second(2), "second")
	half := second[:len(second)/2]
	for _, test := range []struct {
		name     string
		ending   http.HandlerFunc
		required bool
		reason   string
		lines    string // behind the first
	}{
		{"cut between lines", cuts, false, "truncated", ""},
		{"cut in mid-line", sendsThen(half, cuts), false, "truncated", half},
		{"clean end in mid-line", sendsThen(half, func(http.ResponseWriter, *http.Request) {}), false, "truncated", half},
		{"hang", hangs, false, "timeout", ""},
		{"required, cut", cuts, true, "truncated", ""},
		{"required, hang", hangs, true, "timeout", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan struct{})
			late := serve(t, "late", sendsThen(first, awaitsThen(seen, test.ending)), ordered)
			late.Required = test.required
			// It must not run out of time before the test has read the first line.
			late.IdleTimeout = 5 * soon
			p := newProxy(t, late, serve(t, "gone", http.HandlerFunc(says404), ordered), serve(t, "sound", answers(second), ordered))
			ctx, cancel := context.WithTimeout(t.Context(), bounds)
			defer cancel()
			resp := p.get(ctx, t, "name=fn&namespace=ns")
			body := bufio.NewReader(resp.Body)
			if got := readLines(t, body, 1); got != first {
				t.Fatalf("got %q first", got)
			}
			close(seen)
			resp.Body = io.NopCloser(body)
			got := read(t, resp)
			got.check(t)
			if got.status != 200 {
				t.Errorf("status %d", got.status)
			}
			if h := got.header; h.Get("X-Logmux-Failed") != "" || h.Get("X-Logmux-Absent") != "gone" || h.Get("X-Logmux-Ok") != "late,sound" {
				t.Errorf("header %v", h)
			}
			if want := []string{"late=" + test.reason}; !slices.Equal(got.trailer.Values("X-Logmux-Failed"), want) {
				t.Errorf("trailer %v, want %v", got.trailer, want)
			}
			if !strings.Contains(got.logs, second) {
				t.Errorf("the sound upstream's line is not in %q", got.logs)
			}
			texts := []string{"second"}
			if test.lines != "" {
				texts = []string{test.lines, "second"} // of first's instant
			}
			var sent []string
			for _, m := range decodeAll(t, got.logs) {
				sent = append(sent, m.Text)
			}
			if !slices.Equal(sent, texts) {
				t.Errorf("texts %q, want %q", sent, texts)
			}
			checkWarnings(t, &got, "late="+test.reason)
		})
	}
}

func says404(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }

// What failed before the status is in the header, what failed later in the trailer, and nothing is in both.
func TestEarlyAndLateFailures(t *testing.T) {
	p := newProxy(t,
		serve(t, "early", answersWire("SSH-2.0-OpenSSH_9.2\r\n"), ordered),
		serve(t, "late", sendsThen(threeLines(), cuts), ordered),
		at(t, "never", refusing(t), ordered),
		serve(t, "later", sendsThen(threeLines(), cuts), ordered),
	)
	got := p.ask(t, "name=fn&namespace=ns")
	got.holdsLogs(t, inOrder(t, 0, threeLines(), threeLines()))
	if want := []string{"early=malformed,never=dial"}; !slices.Equal(got.header.Values("X-Logmux-Failed"), want) {
		t.Errorf("header %q, want %q", got.header.Values("X-Logmux-Failed"), want)
	}
	if want := []string{"late=truncated,later=truncated"}; !slices.Equal(got.trailer.Values("X-Logmux-Failed"), want) {
		t.Errorf("trailer %q, want %q", got.trailer.Values("X-Logmux-Failed"), want)
	}
	checkWarnings(t, &got, "early=malformed", "late=truncated", "never=dial", "later=truncated")
}

func TestNoTrailerWithoutLateFailure(t *testing.T) {
	p := newProxy(t, serve(t, "a", answers(threeLines()), ordered), at(t, "b", refusing(t), ordered))
	got := p.ask(t, "name=fn")
	if v := got.trailer.Values("X-Logmux-Failed"); len(v) > 0 {
		t.Errorf("trailer %q", v)
	}
	if got.failed() != "b=dial" {
		t.Errorf("failed %q", got.failed())
	}
}

// An upstream that is said to be ordered and is not loses nothing by it.
func TestBrokenOrderIsSent(t *testing.T) {
	var disordered, sound string
	for i := range 100 {
		disordered += logLine("a", second(float64((i*37)%100)), fmt.Sprintf("a %d", i))
		sound += logLine("b", second(float64(i)+0.5), fmt.Sprintf("b %d", i))
	}
	p := newProxy(t, serve(t, "a", answersInPieces(disordered, 500), ordered), serve(t, "b", answers(sound), ordered))
	got := p.ask(t, "name=fn")
	if got.status != 200 || got.failed() != "" {
		t.Fatalf("status %d, failed %q", got.status, got.failed())
	}
	lines, want := splitLines(got.logs), splitLines(disordered+sound)
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("%d lines, want %d", len(lines), len(want))
	}
	for _, r := range awaits(t, p.reports, "the report").Results {
		if want := r.Upstream == "a"; (r.Stats.Disorder > 0) != want {
			t.Errorf("%s: %d lines out of order are counted", r.Upstream, r.Stats.Disorder)
		}
	}
	// With a tail the order is not trusted.
	got = p.ask(t, "name=fn&tail=50")
	got.holds(t, inOrder(t, 50, disordered, sound))
}

// One unordered upstream, and nothing is streamed: the answer is right all the same.
func TestMixedOrder(t *testing.T) {
	late, early := logLine("a", second(9), "late"), logLine("a", second(1), "early")
	p := newProxy(t, serve(t, "a", answers(late, early)), serve(t, "b", answers(threeLines()), ordered))
	got := p.ask(t, "name=fn")
	got.holds(t, inOrder(t, 0, late+early, threeLines()))
}

// The idle timeout is paused while the proxy itself is the slow side: here, for
// want of the other upstream's next line.
func TestIdleTimeoutIsPaused(t *testing.T) {
	t.Parallel()
	var flood strings.Builder
	for i := range 3000 {
		flood.WriteString(logLine("a", second(2+float64(i)/1e6), strings.Repeat("x", 1000)))
	}
	first, last := logLine("b", second(1), "first"), logLine("b", second(3), "last")
	slow := sendsThen(first, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(6 * soon): // longer than the other upstream's idle timeout
			io.WriteString(w, last)
		case <-r.Context().Done():
		}
	})
	p := newProxy(t, serve(t, "fast", answers(flood.String()), ordered, idleAfter(2*soon)), serve(t, "slow", slow, ordered))
	got := p.ask(t, "name=fn")
	got.holds(t, first+flood.String()+last)
}

// An answer whose client is served well ends well, though nothing was to be
// sent for longer than one write may take.
func TestPauseLongerThanWriteTimeout(t *testing.T) {
	last := logLine("pod-a", second(9), "last")
	for _, test := range []struct{ name, last, want string }{
		{"then a line", last, last},
		{"then the end", "", ""},
		{"then a line that is not wanted", logLine("pod-b", second(9), "last"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pausing := sendsThen(threeLines(), func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(3 * soon):
					io.WriteString(w, test.last)
				case <-r.Context().Done():
				}
			})
			p := newProxy(t, serve(t, "a", pausing, ordered))
			p.WriteTimeout = soon
			got := p.ask(t, "name=fn&instance=pod-a")
			if want := threeLines() + test.want; got.body != want {
				t.Errorf("%q, want %q", got.body, want)
			}
		})
	}
}

// The write deadline of one answer does not end the next one on the same connection.
func TestNextRequestAfterWriteTimeout(t *testing.T) {
	t.Parallel()
	slowly := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("name") == "fn" {
			io.WriteString(w, threeLines())
			return
		}
		select {
		case <-time.After(3 * soon):
			w.WriteHeader(http.StatusNotFound)
		case <-r.Context().Done():
		}
	}
	p := newProxy(t, serve(t, "a", http.HandlerFunc(slowly)))
	p.WriteTimeout = soon
	got := p.ask(t, "name=fn")
	got.holds(t, threeLines())
	if got := p.ask(t, "name=other"); got.status != 500 {
		t.Errorf("status %d", got.status)
	}
}

// floods sends lines until its client leaves, which closes ended.
func floods(ended chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		block := []byte(strings.Repeat(logLine("a", second(1), strings.Repeat("x", 1000)), 100))
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
}

// A client that leaves ends its upstream requests at once, and all that was started for it.
func TestClientLeaves(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		for _, test := range []struct {
			name     string
			lines    string // sent before the upstream hangs
			flooding bool
		}{
			{"before the header", "", false},
			{"mid-answer", threeLines(), false},
			{"mid-flood", "", true},
		} {
			t.Run(fmt.Sprintf("%s/streamed=%v", test.name, streamed), func(t *testing.T) {
				t.Parallel()
				asked, ended := make(chan struct{}, 1), make(chan struct{})
				var provider http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
					if test.flooding {
						asked <- struct{}{}
						floods(ended)(w, r)
						return
					}
					defer close(ended)
					if test.lines != "" {
						io.WriteString(w, test.lines)
						http.NewResponseController(w).Flush()
					}
					asked <- struct{}{}
					<-r.Context().Done()
				}
				u := serve(t, "a", provider)
				u.Ordered = streamed
				p := newProxy(t, u)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/system/logs?name=fn", nil)
				if err != nil {
					t.Fatal(err)
				}
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					if resp, err := p.client.Do(req); err == nil {
						io.Copy(io.Discard, io.LimitReader(resp.Body, 100_000))
						<-ctx.Done()
						resp.Body.Close()
					}
				}()
				awaits(t, asked, "the upstream's request")
				leave()
				start := time.Now()
				awaits(t, ended, "the end of the upstream's request")
				awaits(t, p.reports, "the end of the request")
				awaits(t, gone, "the client")
				if took := time.Since(start); took > bounds/4 {
					t.Errorf("ended %v after the client", took)
				}
			})
		}
	}
}

// A client that takes nothing is cut off, and nobody else notices.
func TestClientThatTakesNothing(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	flooding := serve(t, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("name") != "flood" {
			io.WriteString(w, threeLines())
			return
		}
		floods(ended)(w, r)
	}), ordered)
	p := newProxy(t, flooding)
	p.WriteTimeout = 2 * soon
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /system/logs?name=flood HTTP/1.1\r\nHost: logmux\r\n\r\n")
	got := p.ask(t, "name=fn")
	got.holds(t, threeLines())
	awaits(t, ended, "the end of the flood")
}

// A request that the server itself ends is no complete and empty answer.
func TestAbortedRequestIsNoEmptyAnswer(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed=%v", streamed), func(t *testing.T) {
			asked := make(chan struct{}, 1)
			u := serve(t, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				<-r.Context().Done()
			}))
			u.Ordered = streamed
			h := &proxy.Handler{Upstreams: []proxy.Upstream{u}}
			defer h.CloseIdleConnections()
			base, abort := context.WithCancel(t.Context())
			defer abort()
			front := httptest.NewUnstartedServer(h)
			front.Config.BaseContext = func(net.Listener) context.Context { return base }
			front.Start()
			defer front.Close()
			go func() {
				<-asked
				abort()
			}()
			resp, err := front.Client().Get(front.URL + "/system/logs?name=fn")
			if err != nil {
				return // cut off, and so it seems
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err == nil && resp.StatusCode == 200 && len(body) == 0 {
				t.Errorf("200 and nothing: %v", resp.Header)
			}
		})
	}
}

// One request's upstream is not held up by another request's.
func TestRequestsAreIndependent(t *testing.T) {
	p := newProxy(t, serve(t, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("name") == "stuck" {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, threeLines())
	})))
	ctx, leave := context.WithCancel(t.Context())
	var clients []chan struct{}
	for range 20 {
		gone := make(chan struct{})
		clients = append(clients, gone)
		go func() {
			defer close(gone)
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/system/logs?name=stuck", nil)
			if resp, err := p.client.Do(req); err == nil {
				resp.Body.Close()
			}
		}()
	}
	for range 10 {
		got := p.ask(t, "name=fn")
		got.holds(t, threeLines())
	}
	leave()
	for _, gone := range clients {
		awaits(t, gone, "a client")
	}
}

// A provider that never ends its answers, as faas-provider's example.
func TestStaticProviderStreamed(t *testing.T) {
	p := newProxy(t, serve(t, "static", &sample.Static{}, ordered, idleAfter(soon)))
	got := p.ask(t, "name=fn&namespace=ns")
	if n := strings.Count(got.logs, "\n"); n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
	checkWarnings(t, &got, "static=timeout")
}
