package proxy_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A way an upstream can end a request.
type ending struct {
	name     string
	upstream func(t testing.TB, name string) proxy.Upstream
	outcome  proxy.Outcome
	reason   proxy.Reason // of a failed one
	late     bool         // the failure comes after a 2xx head
	texts    []string     // of the lines that come
}

const (
	chunkedHead = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
	absentBody  = "function log request failed"
)

// threeLines are what the upstreams of the endings have to say; the second one is cut in some.
func threeLines() string {
	return logLine("pod-a", second(1), "one") + logLine("pod-a", second(2), "two") + logLine("pod-a", second(3), "three")
}

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

func provided(h http.Handler, options ...option) func(testing.TB, string) proxy.Upstream {
	return func(t testing.TB, name string) proxy.Upstream {
		return serve(t, name, h, options...)
	}
}

func faulty(fault sample.Fault, options ...option) func(testing.TB, string) proxy.Upstream {
	return provided(fault(answers(threeLines())), options...)
}

func says(status int, body string) func(testing.TB, string) proxy.Upstream {
	return provided(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
}

func endings() []ending {
	one := splitLines(threeLines())[0]
	two := splitLines(threeLines())[1]
	half := two[:len(two)/2]
	return []ending{
		{"lines", provided(answers(threeLines())), proxy.OK, "", false, []string{"one", "two", "three"}},
		{"empty 200", provided(answers()), proxy.OK, "", false, nil},
		{"204", says(204, ""), proxy.OK, "", false, nil},
		{"201 with a line", says(201, one), proxy.OK, "", false, []string{"one"}},
		{"blank lines only", provided(answers("\n\r\n \n")), proxy.OK, "", false, nil},
		{"content encoding identity", provided(withHeader("Content-Encoding", "identity", answers(one))), proxy.OK, "", false, []string{"one"}},
		{"no last newline", provided(answers(strings.TrimSuffix(one, "\n"))), proxy.OK, "", false, []string{"one"}},

		{"404", says(404, "not here\n"), proxy.Absent, "", false, nil},
		{"500 of a missing function", says(500, absentBody+"\n"), proxy.Absent, "", false, nil},
		{"500 of an inner logmux", says(500, absentBody+": fn is on no upstream\n"), proxy.Absent, "", false, nil},
		{"500 of a missing function in two chunks", provided(answersWire("HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n" +
			chunk("function log") + chunk(" request failed\n") + "0\r\n\r\n")), proxy.Absent, "", false, nil},

		{"refused connection", func(t testing.TB, name string) proxy.Upstream { return at(t, name, refusing(t)) }, proxy.Failed, proxy.ReasonDial, false, nil},
		{"unknown host", func(t testing.TB, name string) proxy.Upstream { return at(t, name, "http://logmux.invalid") }, proxy.Failed, proxy.ReasonDial, false, nil},
		{"untrusted certificate", overTLS, proxy.Failed, proxy.ReasonTLS, false, nil},
		{"no TLS at all", func(t testing.TB, name string) proxy.Upstream {
			u := provided(answers(one))(t, name)
			u.URL.Scheme = "https"
			return u
		}, proxy.Failed, proxy.ReasonTLS, false, nil},
		{"401", faulty(sample.Refuse(401, http.Header{"WWW-Authenticate": {`Basic realm="Restricted"`}})), proxy.Failed, proxy.ReasonAuth, false, nil},
		{"403", faulty(sample.Refuse(403, nil)), proxy.Failed, proxy.ReasonAuth, false, nil},
		{"400", says(400, "bad"), proxy.Failed, "status-400", false, nil},
		{"422", says(422, "bad"), proxy.Failed, "status-422", false, nil},
		{"429", says(429, "later"), proxy.Failed, "status-429", false, nil},
		{"500", says(500, "out of memory\n"), proxy.Failed, "status-500", false, nil},
		{"500 with the words later", says(500, "the "+absentBody), proxy.Failed, "status-500", false, nil},
		{"empty 500", says(500, ""), proxy.Failed, "status-500", false, nil},
		{"501", says(501, ""), proxy.Failed, "status-501", false, nil},
		{"503", says(503, absentBody), proxy.Failed, "status-503", false, nil},
		{"508", says(508, "loop"), proxy.Failed, "status-508", false, nil},
		{"304", says(304, ""), proxy.Failed, "status-304", false, nil},
		{"hang before the header", faulty(sample.HangBeforeHeader(), headerWithin(soon)), proxy.Failed, proxy.ReasonTimeout, false, nil},
		{"hang after the header", faulty(sample.HangAfter(0), idleAfter(soon)), proxy.Failed, proxy.ReasonTimeout, true, nil},
		{"hang mid-answer", faulty(sample.HangAfter(2), idleAfter(soon)), proxy.Failed, proxy.ReasonTimeout, true, []string{"one", "two"}},
		{"never closing", provided(&sample.Static{}, idleAfter(soon)), proxy.Failed, proxy.ReasonTimeout, true, []string{"msg1", "msg2", "something interesting"}},
		{"hang up before the header", faulty(sample.Drop()), proxy.Failed, proxy.ReasonTruncated, false, nil},
		{"hang up in mid-header", provided(answersWire("HTTP/1.1 200 OK\r\nContent-")), proxy.Failed, proxy.ReasonTruncated, false, nil},
		{"hang up after the header", provided(answersWire(chunkedHead)), proxy.Failed, proxy.ReasonTruncated, true, nil},
		{"hang up between lines", provided(answersWire(chunkedHead + chunk(one))), proxy.Failed, proxy.ReasonTruncated, true, []string{"one"}},
		{"hang up in mid-line", provided(answersWire(chunkedHead + chunk(one+half))), proxy.Failed, proxy.ReasonTruncated, true, []string{"one", half}},
		{"cut in mid-line", faulty(sample.CutAfter(1)), proxy.Failed, proxy.ReasonTruncated, true, []string{"one", half}},
		{"clean end in mid-line", provided(answers(one, half)), proxy.Failed, proxy.ReasonTruncated, true, []string{"one", half}},
		{"clean end in the first line", provided(answers(half)), proxy.Failed, proxy.ReasonTruncated, true, []string{half}},
		{"less than Content-Length", provided(answersWire("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + one)), proxy.Failed, proxy.ReasonTruncated, true, []string{"one"}},
		{"broken chunking", provided(answersWire(chunkedHead + chunk(one) + "no chunk\r\n")), proxy.Failed, proxy.ReasonTruncated, true, []string{"one"}},
		{"chunk without its end", provided(answersWire(chunkedHead + chunk(one) + "5\r\nabcdefgh\r\n")), proxy.Failed, proxy.ReasonTruncated, true, []string{"one", "abcde"}},
		{"HTML with 200", faulty(sample.HTML()), proxy.Failed, proxy.ReasonMalformed, true,
			[]string{"<!DOCTYPE html>", "<html>", "<head><title>Sign in</title></head>", "<body>Please sign in.</body>", "</html>"}},
		{"plain text with 200", provided(answers("ok")), proxy.Failed, proxy.ReasonMalformed, true, []string{"ok"}},
		{"gzip unasked", provided(withHeader("Content-Encoding", "gzip", answers(one))), proxy.Failed, proxy.ReasonMalformed, false, nil},
		{"no HTTP", provided(answersWire("SSH-2.0-OpenSSH_9.2\r\n")), proxy.Failed, proxy.ReasonMalformed, false, nil},
	}
}

func withHeader(key, value string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(key, value)
		next.ServeHTTP(w, r)
	})
}

// overTLS is an upstream with a certificate that nobody trusts.
func overTLS(t testing.TB, name string) proxy.Upstream {
	server := httptest.NewUnstartedServer(answers(threeLines()))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return at(t, name, server.URL)
}

// status is the one that the ending alone makes of a request.
func (e *ending) status(streamed, required bool) int {
	switch {
	case e.outcome == proxy.OK || streamed && e.late:
		return 200
	case e.outcome == proxy.Absent:
		return 500
	case !required && len(e.texts) > 0:
		return 200
	case !required && e.reason == proxy.ReasonTimeout:
		return 504
	}
	return 502
}

// Each ending alone, beside a sound upstream, and of a required one; gathered
// and streamed.
func TestOutcomes(t *testing.T) {
	sound := logLine("pod-z", second(10), "sound")
	for _, e := range endings() {
		for _, streamed := range []bool{false, true} {
			for _, requires := range []bool{false, true} {
				for _, alone := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s/streamed=%v,required=%v,alone=%v", e.name, streamed, requires, alone), func(t *testing.T) {
						t.Parallel()
						u := e.upstream(t, "odd")
						u.Ordered, u.Required = streamed, requires
						upstreams := []proxy.Upstream{u}
						if !alone {
							z := serve(t, "sound", answers(sound))
							z.Ordered = streamed
							upstreams = append(upstreams, z)
						}
						p := newProxy(t, upstreams...)
						start := time.Now()
						got := p.ask(t, "name=fn&namespace=ns")
						if took := time.Since(start); took > bounds {
							t.Errorf("took %v", took)
						}
						want := e.status(streamed, requires)
						if !alone && !(requires && want == 502) {
							want = 200
						}
						if got.status != want {
							t.Fatalf("status %d, want %d: %s", got.status, want, got.body)
						}
						e.checkHeader(t, &got, streamed, alone)
						if want == 200 {
							e.checkBody(t, &got, alone)
						} else {
							e.checkRefusal(t, &got)
						}
					})
				}
			}
		}
	}
}

func (e *ending) checkHeader(t *testing.T, got *answer, streamed, alone bool) {
	t.Helper()
	var ok, absent, failed, trailer string
	switch {
	case e.outcome == proxy.OK:
		ok = "odd"
	case e.outcome == proxy.Absent:
		absent = "odd"
	case streamed && e.late:
		ok, trailer = "odd", "odd="+string(e.reason)
	default:
		failed = "odd=" + string(e.reason)
	}
	if !alone {
		ok = strings.TrimPrefix(ok+",sound", ",")
	}
	for name, want := range map[string]string{"X-Logmux-Ok": ok, "X-Logmux-Absent": absent, "X-Logmux-Failed": failed} {
		if got := got.header.Values(name); strings.Join(got, "|") != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := got.trailer.Get("X-Logmux-Failed"); got != trailer {
		t.Errorf("trailer X-Logmux-Failed is %q, want %q", got, trailer)
	}
}

func (e *ending) checkBody(t *testing.T, got *answer, alone bool) {
	t.Helper()
	var texts []string
	for _, m := range decodeAll(t, got.logs) {
		texts = append(texts, m.Text)
	}
	want := slices.Clone(e.texts)
	if !alone {
		want = append(want, "sound")
	}
	// Lines without a timestamp are of now, or of the line before.
	slices.Sort(texts)
	slices.Sort(want)
	if !slices.Equal(texts, want) {
		t.Errorf("texts %q, want %q", texts, want)
	}
	if e.outcome != proxy.Failed {
		if len(got.warnings) > 0 {
			t.Errorf("warnings %v", got.warnings)
		}
		return
	}
	checkWarnings(t, got, "odd="+string(e.reason))
}

// checkWarnings wants one warning for each failure, given as name=reason.
func checkWarnings(t *testing.T, got *answer, failures ...string) {
	t.Helper()
	if len(got.warnings) != len(failures) {
		t.Fatalf("warnings %v, want them for %v", got.warnings, failures)
	}
	for i, failure := range failures {
		name, reason, _ := strings.Cut(failure, "=")
		w := got.warnings[i]
		if w.Name != "fn" || w.Namespace != "ns" || w.Instance != "logmux" {
			t.Errorf("warning %+v is not of the request's function and namespace, and of logmux", w)
		}
		if !strings.HasPrefix(w.Text, "logmux: ") || !strings.Contains(w.Text, name) || !strings.Contains(w.Text, reason) {
			t.Errorf("warning %q does not name %s and %s", w.Text, name, reason)
		}
		if age := time.Since(w.Timestamp); age < 0 || age > time.Minute {
			t.Errorf("warning of %v, %v ago", w.Timestamp, age)
		}
	}
}

func (e *ending) checkRefusal(t *testing.T, got *answer) {
	t.Helper()
	if e.outcome == proxy.Absent {
		if strings.TrimSuffix(got.body, "\n") != "function log request failed: fn is on no upstream" {
			t.Errorf("body %q", got.body)
		}
		return
	}
	if !strings.Contains(got.body, "odd") || !strings.Contains(got.body, string(e.reason)) {
		t.Errorf("body %q names neither upstream nor reason", got.body)
	}
	if strings.HasPrefix(got.body, absentBody) {
		t.Errorf("an outer logmux would take %q for an absent function", got.body)
	}
}

func TestStatusOfSeveral(t *testing.T) {
	absent, timeout := says(404, ""), faulty(sample.HangBeforeHeader(), headerWithin(soon))
	refused, empty := says(500, "broken"), provided(answers())
	for _, test := range []struct {
		name      string
		upstreams []func(testing.TB, string) proxy.Upstream
		want      int
	}{
		{"none", nil, 500},
		{"all absent", []func(testing.TB, string) proxy.Upstream{absent, absent}, 500},
		{"all timeouts", []func(testing.TB, string) proxy.Upstream{timeout, timeout}, 504},
		{"a timeout and an absent one", []func(testing.TB, string) proxy.Upstream{timeout, absent}, 504},
		{"a timeout and another failure", []func(testing.TB, string) proxy.Upstream{timeout, refused}, 502},
		{"a failure and an absent one", []func(testing.TB, string) proxy.Upstream{refused, absent}, 502},
		{"an empty one and an absent one", []func(testing.TB, string) proxy.Upstream{empty, absent}, 200},
		{"an empty one and failures", []func(testing.TB, string) proxy.Upstream{refused, timeout, empty}, 200},
	} {
		for _, streamed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/streamed=%v", test.name, streamed), func(t *testing.T) {
				t.Parallel()
				var upstreams []proxy.Upstream
				for i, upstream := range test.upstreams {
					u := upstream(t, fmt.Sprintf("u%d", i))
					u.Ordered = streamed
					upstreams = append(upstreams, u)
				}
				got := newProxy(t, upstreams...).ask(t, "name=fn")
				if got.status != test.want {
					t.Errorf("status %d, want %d: %s", got.status, test.want, got.body)
				}
				if want := "function log request failed: fn is on no upstream"; test.want == 500 && strings.TrimSuffix(got.body, "\n") != want {
					t.Errorf("body %q, want %q", got.body, want)
				}
			})
		}
	}
}

// A slow but sound upstream is neither cut short nor held up by all others, whichever way they end.
func TestEndingsAreIndependent(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed=%v", streamed), func(t *testing.T) {
			t.Parallel()
			five := splitLines(fiveLines())
			slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, line := range five {
					io.WriteString(w, line)
					http.NewResponseController(w).Flush()
					select {
					case <-time.After(2 * soon / 3): // as slow as it may be
					case <-r.Context().Done():
						t.Errorf("the sound upstream is hung up on")
						return
					}
				}
			})
			var upstreams []proxy.Upstream
			var ok, absent, failed []string
			for i, e := range endings() {
				u := e.upstream(t, fmt.Sprintf("u%d", i))
				u.Ordered = streamed
				upstreams = append(upstreams, u)
				switch e.outcome {
				case proxy.OK:
					ok = append(ok, u.Name)
				case proxy.Absent:
					absent = append(absent, u.Name)
				default:
					failed = append(failed, u.Name+"="+string(e.reason))
				}
			}
			u := serve(t, "slow", slow, idleAfter(20*soon))
			u.Ordered = streamed
			upstreams = append(upstreams, u)
			p := newProxy(t, upstreams...)

			got := p.ask(t, "name=fn&namespace=ns")
			for _, line := range five {
				if !strings.Contains(got.logs, line) {
					t.Errorf("%q is missing", line)
				}
			}
			checkWarnings(t, &got, failed...)
			said := strings.Split(got.failed(), ",")
			slices.Sort(said)
			slices.Sort(failed)
			if !slices.Equal(said, failed) {
				t.Errorf("failed %v, want %v", said, failed)
			}
			if want := strings.Join(absent, ","); got.header.Get("X-Logmux-Absent") != want {
				t.Errorf("absent %q, want %q", got.header.Get("X-Logmux-Absent"), want)
			}
			if want := strings.Join(append(ok, "slow"), ","); !streamed && got.header.Get("X-Logmux-Ok") != want {
				t.Errorf("ok %q, want %q", got.header.Get("X-Logmux-Ok"), want)
			}
			for _, r := range awaits(t, p.reports, "the report").Results {
				if r.Duration <= 0 || r.Duration > bounds {
					t.Errorf("%s took %v", r.Upstream, r.Duration)
				}
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := &sample.Recorder{Handler: answers(threeLines())}
	elsewhere := serve(t, "other", other)
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			u := serve(t, "moved", http.RedirectHandler(elsewhere.URL.String()+"/system/logs?name=fn", status), retries(2))
			u.Header = http.Header{"Authorization": {"Bearer secret"}}
			got := newProxy(t, u).ask(t, "name=fn")
			if want := fmt.Sprintf("moved=status-%d", status); got.status != 502 || got.failed() != want {
				t.Errorf("status %d, failed %q; want 502, %q", got.status, got.failed(), want)
			}
		})
	}
	if n := len(other.Queries()); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

func TestTotalDeadline(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed=%v", streamed), func(t *testing.T) {
			t.Parallel()
			sound := logLine("pod-z", second(4), "sound")
			late := serve(t, "late", sample.HangAfter(2)(answers(threeLines())))
			never := serve(t, "never", sample.HangBeforeHeader()(answers()))
			z := serve(t, "sound", answers(sound))
			late.Ordered, never.Ordered, z.Ordered = streamed, streamed, streamed
			p := newProxy(t, late, never, z)
			p.Timeout = 4 * soon
			start := time.Now()
			got := p.ask(t, "name=fn&namespace=ns")
			if took := time.Since(start); took < p.Timeout || took > bounds {
				t.Errorf("took %v, want about %v", took, p.Timeout)
			}
			got.holdsLogs(t, lastLines(threeLines()[:len(threeLines())-len(splitLines(threeLines())[2])], 2)+sound)
			checkWarnings(t, &got, "late=timeout", "never=timeout")
			said := strings.Split(got.failed(), ",")
			slices.Sort(said)
			if !slices.Equal(said, []string{"late=timeout", "never=timeout"}) {
				t.Errorf("failed %v", said)
			}
		})
	}
}

// The idle timeout also bounds the wait for an error page, of which only the start is of use.
func TestErrorPageThatStalls(t *testing.T) {
	const hanging = "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\nsorry, "
	for _, test := range []struct {
		status  string
		reasons []string
	}{
		{"500 Internal Server Error", []string{"stalled=status-500", "stalled=timeout"}},
		{"503 Service Unavailable", []string{"stalled=status-503", "stalled=timeout"}},
	} {
		t.Run(test.status, func(t *testing.T) {
			t.Parallel()
			stalled := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, hanging, test.status)
				conn.Read(make([]byte, 1)) // until the proxy hangs up
			})
			p := newProxy(t, serve(t, "stalled", stalled, idleAfter(soon), retries(1)), serve(t, "sound", answers(threeLines())))
			p.Timeout = bounds / 2
			start := time.Now()
			got := p.ask(t, "name=fn")
			if took := time.Since(start); took > bounds/4 {
				t.Errorf("took %v, though the idle timeout is %v", took, soon)
			}
			got.holdsLogs(t, threeLines())
			if !slices.Contains(test.reasons, got.failed()) {
				t.Errorf("failed %q, want one of %q", got.failed(), test.reasons)
			}
		})
	}
}

// Connecting is bounded to its end, the handshake included.
func TestHandshakeThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u := at(t, "mute", "https://"+l.Addr().String())
	u.DialTimeout = soon
	start := time.Now()
	got := newProxy(t, u, serve(t, "sound", answers(threeLines()))).ask(t, "name=fn")
	if took := time.Since(start); took < soon || took > bounds/4 {
		t.Errorf("took %v, want about %v", took, soon)
	}
	got.holdsLogs(t, threeLines())
	if want := []string{"mute=tls", "mute=dial", "mute=timeout"}; !slices.Contains(want, got.failed()) {
		t.Errorf("failed %q, want one of %q", got.failed(), want)
	}
}

// What a TCP reset leaves of an answer is a matter of luck, but not what it is called.
func TestReset(t *testing.T) {
	resetting := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, chunkedHead+chunk(logLine("pod-a", second(1), "one")))
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	p := newProxy(t, serve(t, "odd", resetting), serve(t, "sound", answers(threeLines())))
	for range 20 {
		got := p.ask(t, "name=fn&namespace=ns")
		if got.status != 200 || got.failed() != "odd=truncated" || !strings.HasSuffix(got.logs, threeLines()) {
			t.Fatalf("status %d, failed %q, lines %q", got.status, got.failed(), got.logs)
		}
		checkWarnings(t, &got, "odd=truncated")
	}
}

func TestRetries(t *testing.T) {
	five := fiveLines()
	for _, test := range []struct {
		name    string
		fault   sample.Fault
		asked   int
		failed  string // empty: it succeeds
		absent  bool
		options []option
	}{
		{"503, 503, ok", sample.Times(2, sample.Refuse(503, nil)), 3, "", false, nil},
		{"502, ok", sample.Times(1, sample.Refuse(502, nil)), 2, "", false, nil},
		{"504, ok", sample.Times(1, sample.Refuse(504, nil)), 2, "", false, nil},
		{"hang up before the header, ok", sample.Times(1, sample.Drop()), 2, "", false, nil},
		{"503 for ever", sample.Refuse(503, nil), 4, "a=status-503", false, nil},
		{"hang up for ever", sample.Drop(), 4, "a=truncated", false, nil},
		{"500 once", sample.Times(1, sample.Refuse(500, nil)), 1, "a=status-500", false, nil},
		{"400 once", sample.Times(1, sample.Refuse(400, nil)), 1, "a=status-400", false, nil},
		{"401 once", sample.Times(1, sample.Refuse(401, nil)), 1, "a=auth", false, nil},
		{"404 once", sample.Times(1, sample.Refuse(404, nil)), 1, "", true, nil},
		{"429 once", sample.Times(1, sample.Refuse(429, http.Header{"Retry-After": {"0"}})), 1, "a=status-429", false, nil},
		{"501 once", sample.Times(1, sample.Refuse(501, nil)), 1, "a=status-501", false, nil},
		{"no header once", sample.Times(1, sample.HangBeforeHeader()), 1, "a=timeout", false, []option{headerWithin(soon)}},
		{"web page once", sample.Times(1, sample.HTML()), 1, "a=malformed", false, nil},
		{"cut once after the first line", sample.Times(1, sample.CutAfter(1)), 1, "a=truncated", false, nil},
		{"cut once before the first line", sample.Times(1, sample.CutAfter(0)), 1, "a=truncated", false, nil},
		{"hang once after the header", sample.Times(1, sample.HangAfter(0)), 1, "a=timeout", false, []option{idleAfter(soon)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := &sample.Recorder{Handler: test.fault(answers(five))}
			got := newProxy(t, serve(t, "a", asked, append(test.options, retries(3))...)).ask(t, "name=fn")
			if n := len(asked.Queries()); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
			if got.failed() != test.failed {
				t.Errorf("failed %q, want %q", got.failed(), test.failed)
			}
			if absent := got.header.Get("X-Logmux-Absent") == "a"; absent != test.absent {
				t.Errorf("absent %v", absent)
			}
			if test.failed == "" && !test.absent {
				got.holds(t, five)
			}
		})
	}
}

func TestDialIsRetried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // free for now

	u := at(t, "a", "http://"+addr)
	u.Retry = proxy.Retry{Max: 1000, MinWait: 5 * time.Millisecond, MaxWait: 5 * time.Millisecond}
	p := newProxy(t, u, serve(t, "b", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// By now the other upstream is being asked too, or will be soon.
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("the port is taken: %v", err)
			return
		}
		server := httptest.NewUnstartedServer(answers(threeLines()))
		server.Listener.Close()
		server.Listener = l
		server.Start()
		t.Cleanup(server.Close)
	})))
	got := p.ask(t, "name=fn")
	got.holds(t, threeLines())
}

func TestNoRetryByDefault(t *testing.T) {
	asked := &sample.Recorder{Handler: sample.Refuse(503, nil)(nil)}
	got := newProxy(t, serve(t, "a", asked)).ask(t, "name=fn")
	if n := len(asked.Queries()); n != 1 || got.failed() != "a=status-503" {
		t.Errorf("asked %d times, failed %q", n, got.failed())
	}
}

func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		name, value     string
		wait            proxy.Retry
		timeout         time.Duration
		atLeast, atMost time.Duration
		failed          []string
	}{
		{"honoured", "1", proxy.Retry{Max: 1, MinWait: 1, MaxWait: bounds}, 0, time.Second, bounds / 2, []string{""}},
		{"up to the longest wait", "3600", proxy.Retry{Max: 1, MinWait: 1, MaxWait: soon}, 0, soon, bounds, []string{""}},
		{"as a date, up to the longest wait", "Fri, 31 Dec 9999 23:59:59 GMT", proxy.Retry{Max: 1, MinWait: 1, MaxWait: soon}, 0, soon, bounds, []string{""}},
		{"date in the past", "Thu, 01 Jan 1970 00:00:00 GMT", proxy.Retry{Max: 1, MinWait: 1, MaxWait: time.Hour}, 0, 0, bounds, []string{""}},
		{"nonsense", "soon", proxy.Retry{Max: 1, MinWait: 1, MaxWait: soon}, 0, 0, bounds, []string{""}},
		{"inside the deadline", "3600", proxy.Retry{Max: 1, MinWait: 1, MaxWait: time.Hour}, soon, 0, bounds, []string{"a=timeout", "a=status-503"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fault := sample.Times(1, sample.Refuse(503, http.Header{"Retry-After": {test.value}}))
			u := serve(t, "a", fault(answers(threeLines())))
			u.Retry = test.wait
			p := newProxy(t, u)
			p.Timeout = test.timeout
			start := time.Now()
			got := p.ask(t, "name=fn")
			if took := time.Since(start); took < test.atLeast || took > test.atMost {
				t.Errorf("took %v, want %v to %v", took, test.atLeast, test.atMost)
			}
			if !slices.Contains(test.failed, got.failed()) {
				t.Errorf("failed %q, want one of %q", got.failed(), test.failed)
			}
		})
	}
}

// What is wrong with one upstream is told to whoever reads the logs; its credentials are not.
func TestCredentialsStayHidden(t *testing.T) {
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			u := e.upstream(t, "odd")
			u.URL.User = url.UserPassword("admin", "s3cret")
			u.Header = http.Header{"X-Token": {"s3cret"}}
			for _, beside := range [][]proxy.Upstream{nil, {serve(t, "sound", answers(threeLines()))}} {
				got := newProxy(t, append([]proxy.Upstream{u}, beside...)...).ask(t, "name=fn")
				if strings.Contains(got.body+fmt.Sprint(got.header, got.trailer), "s3cret") {
					t.Errorf("the answer tells a secret: %s %v", got.body, got.header)
				}
			}
		})
	}
}
