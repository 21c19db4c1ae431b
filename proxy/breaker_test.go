package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

const never = time.Hour // longer than any test

// breaking opens the breaker after so many failures.
func breaking(failures int, openFor time.Duration) option {
	return func(u *proxy.Upstream) { u.Breaker = proxy.Breaker{Failures: failures, OpenFor: openFor} }
}

// A patient is an upstream x that fails until it is healed, beside one that is sound.
type patient struct {
	*testProxy
	asked func() int // how often the upstream was
	heal  func()
}

// ill is the patient of a fault.
func ill(t testing.TB, fault sample.Fault, options ...option) *patient {
	t.Helper()
	faults := &sample.Faults{Handler: answers(threeLines())}
	faults.Set(fault)
	asked := &sample.Recorder{Handler: faults}
	return &patient{
		newProxy(t, serve(t, "x", asked, options...), serve(t, "sound", answers(fiveLines()))),
		func() int { return len(asked.Queries()) },
		func() { faults.Set() },
	}
}

// unreachable is the patient of a port where nobody listens.
func unreachable(t testing.TB, options ...option) *patient {
	t.Helper()
	provider, u := serveFlaky(t, "x", answers(threeLines()), options...)
	provider.down()
	return &patient{
		newProxy(t, u, serve(t, "sound", answers(fiveLines()))),
		func() int { return int(provider.asked.Load()) },
		provider.up,
	}
}

// untrusted is the patient of a certificate that nobody trusts, for a while.
func untrusted(t testing.TB, options ...option) *patient {
	t.Helper()
	var trusted atomic.Bool
	var asked atomic.Int64
	server := newTLSServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answers(threeLines())(w, r)
	}))
	u := at(t, "x", server.URL, options...)
	u.TLS = func() (*tls.Config, error) {
		if trusted.Load() {
			return &tls.Config{InsecureSkipVerify: true}, nil
		}
		return &tls.Config{RootCAs: x509.NewCertPool()}, nil
	}
	return &patient{
		newProxy(t, u, serve(t, "sound", answers(fiveLines()))),
		func() int { return int(asked.Load()) },
		func() { trusted.Store(true) },
	}
}

// wantFailed asks, and wants an answer without x for this reason.
func (p *patient) wantFailed(t *testing.T, reason string) {
	t.Helper()
	got := p.ask(t, "name=fn&namespace=ns")
	got.holdsLogs(t, fiveLines())
	if got.failed() != "x="+reason {
		t.Fatalf("failed %q, want x=%s", got.failed(), reason)
	}
	checkWarnings(t, &got, "x="+reason)
}

// wantSound asks, and wants all lines.
func (p *patient) wantSound(t *testing.T) {
	t.Helper()
	got := p.ask(t, "name=fn&namespace=ns")
	got.holds(t, inOrder(t, 0, threeLines(), fiveLines()))
}

func TestBreakerOpens(t *testing.T) {
	const failures = 3
	for _, test := range []struct {
		name, reason string
		start        func(t testing.TB, options ...option) *patient
		asked        bool // the provider is reached
	}{
		{"dial", "dial", unreachable, false},
		{"tls", "tls", untrusted, false},
		{"header timeout", "timeout", func(t testing.TB, options ...option) *patient {
			return ill(t, sample.HangBeforeHeader(), append(options, headerWithin(soon))...)
		}, true},
		{"total timeout", "timeout", func(t testing.TB, options ...option) *patient {
			p := ill(t, sample.HangBeforeHeader(), options...)
			p.Timeout = 2 * soon
			return p
		}, true},
		{"502", "status-502", refuses(502), true},
		{"503", "status-503", refuses(503), true},
		{"504", "status-504", refuses(504), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := test.start(t, breaking(failures, never))
			for range failures {
				p.wantFailed(t, test.reason)
			}
			want := 0
			if test.asked {
				want = failures
			}
			if n := p.asked(); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
			p.wantFailed(t, "breaker")
			p.heal()
			p.wantFailed(t, "breaker")
			if n := p.asked(); n != want {
				t.Errorf("asked %d times, though the breaker is open", n-want)
			}
		})
	}
}

func refuses(status int) func(testing.TB, ...option) *patient {
	return func(t testing.TB, options ...option) *patient { return ill(t, sample.Refuse(status, nil), options...) }
}

// What an upstream answers, even that it cannot, shows that it is up; and what
// ends an answer says nothing of how the next one begins.
func TestBreakerStaysClosed(t *testing.T) {
	const failures = 2
	for _, test := range []struct {
		name, reason string // no reason: absent
		fault        sample.Fault
		options      []option
	}{
		{"500", "status-500", sample.Refuse(500, nil), nil},
		{"501", "status-501", sample.Refuse(501, nil), nil},
		{"401", "auth", sample.Refuse(401, nil), nil},
		{"403", "auth", sample.Refuse(403, nil), nil},
		{"429", "status-429", sample.Refuse(429, nil), nil},
		{"508", "status-508", sample.Refuse(508, nil), nil},
		{"redirect", "status-302", sample.Refuse(302, http.Header{"Location": {"http://192.0.2.1/"}}), nil},
		{"404 of an absent function", "", sample.Refuse(404, nil), nil},
		{"500 of an absent function", "", instead(says500), nil},
		{"hang up before the head", "truncated", sample.Drop(), nil},
		{"hang up in the head", "truncated", instead(answersWire("HTTP/1.1 200 OK\r\nContent-")), nil},
		{"no HTTP", "malformed", instead(answersWire("SSH-2.0-OpenSSH_9.2\r\n")), nil},
		{"cut after the head", "truncated", sample.CutAfter(0), nil},
		{"hang after the head", "timeout", sample.HangAfter(0), []option{idleAfter(soon)}},
		{"web page", "malformed", sample.HTML(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := ill(t, test.fault, append(test.options, breaking(failures, never))...)
			for range failures + 2 {
				got := p.ask(t, "name=fn&namespace=ns")
				want := "x=" + test.reason
				if test.reason == "" {
					want = ""
				}
				if got.failed() != want {
					t.Fatalf("failed %q, want %q", got.failed(), want)
				}
			}
			if n := p.asked(); n != failures+2 {
				t.Errorf("asked %d times, want %d", n, failures+2)
			}
			p.heal()
			p.wantSound(t)
		})
	}
}

func says500(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, absentBody+": no matching instances found", http.StatusInternalServerError)
}

func instead(answer http.HandlerFunc) sample.Fault {
	return func(http.Handler) http.Handler { return answer }
}

// Only failures in a row count: a success between them, or an answer that the
// function is absent, begins anew.
func TestBreakerCountsFailuresInARow(t *testing.T) {
	for name, success := range map[string]sample.Fault{
		"lines":  nil,
		"absent": instead(says500),
		"500":    sample.Refuse(500, nil),
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			p := ill(t, func(next http.Handler) http.Handler {
				failing, succeeding := sample.Refuse(503, nil)(next), next
				if success != nil {
					succeeding = success(next)
				}
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if asked.Add(1)%3 == 0 {
						succeeding.ServeHTTP(w, r)
					} else {
						failing.ServeHTTP(w, r)
					}
				})
			}, breaking(3, never))
			for range 9 {
				if got := p.ask(t, "name=fn"); strings.Contains(got.failed(), "breaker") {
					t.Fatalf("failed %q after %d requests", got.failed(), asked.Load())
				}
			}
			if n := asked.Load(); n != 9 {
				t.Errorf("asked %d times, want 9", n)
			}
		})
	}
}

// The tries of one request are one failure.
func TestBreakerCountsRequestsAndNotTries(t *testing.T) {
	p := ill(t, sample.Refuse(503, nil), breaking(2, never), retries(4))
	p.wantFailed(t, "status-503")
	p.wantFailed(t, "status-503")
	if n := p.asked(); n != 10 {
		t.Fatalf("asked %d times by 2 requests of 5 tries", n)
	}
	p.wantFailed(t, "breaker")
	if n := p.asked(); n != 10 {
		t.Errorf("asked %d times, though the breaker is open", n-10)
	}
}

// Whose upstream is known to be down does not wait for it.
func TestBreakerSavesTime(t *testing.T) {
	const header = 4 * soon
	p := ill(t, sample.HangBeforeHeader(), breaking(1, never), headerWithin(header))
	p.wantFailed(t, "timeout")
	fastest := never // of several: the machine has other work too
	for range 5 {
		start := time.Now()
		p.wantFailed(t, "breaker")
		fastest = min(fastest, time.Since(start))
	}
	if fastest > header/4 {
		t.Errorf("an answer takes %v, and the wait that it is spared is %v", fastest, header)
	}
}
