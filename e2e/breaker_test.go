package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// Ten upstreams, of which the fifth can be made to fail.
type ten struct {
	*daemon
	fault  sample.Faults // of the fifth
	asked  *sample.Recorder
	all    []string // lines
	others []string // without the fifth one's
}

func startTen(t *testing.T, defaults string) *ten {
	t.Helper()
	c := &ten{}
	to := hosts{}
	var config strings.Builder
	fmt.Fprintf(&config, "defaults: {%s}\nupstreams:\n", defaults)
	at := time.Now().Add(-time.Minute).UTC()
	for i := range 10 {
		name := fmt.Sprint("u", i)
		line := message{"fn", "", "pod", at.Add(time.Duration(i) * time.Second), name}.wire()
		c.all = append(c.all, line)
		if name == "u4" {
			c.fault.Handler = answers(line)
			to[name], c.asked = recorded(t, &c.fault)
		} else {
			c.others = append(c.others, line)
			to[name] = serve(t, answers(line))
		}
		fmt.Fprintf(&config, "  - {name: %s, url: $%s}\n", name, name)
	}
	c.daemon = start(t, config.String(), to)
	return c
}

// times is how often the fifth was asked.
func (c *ten) times() int { return len(c.asked.Queries()) }

// TestBreaker has one of ten upstreams take requests and never answer, until it is well again.
func TestBreaker(t *testing.T) {
	const headerTimeout, openFor = 300 * time.Millisecond, time.Second
	for _, failures := range []int{1, 3} {
		t.Run(fmt.Sprint("after ", failures), func(t *testing.T) {
			t.Parallel()
			c := startTen(t, fmt.Sprintf("header_timeout: %v, breaker: {failures: %d, open_for: %v}", headerTimeout, failures, openFor))
			c.fault.Set(sample.HangBeforeHeader())
			var last time.Time // before it is asked for the last time
			for range failures {
				last = time.Now()
				c.ask("name=fn").ok().says("Failed", "u4=timeout").warns([]string{"u4", "timeout", "missing"}).has(c.others)
				if took := time.Since(last); took < headerTimeout {
					t.Errorf("the answer came after %v: who waits for nothing shows nothing", took)
				}
			}
			soonest := time.Hour // for the machine may be busy
			for range 5 {
				begin := time.Now()
				c.ask("name=fn").ok().says("Failed", "u4=breaker").warns([]string{"u4", "breaker", "missing"}).has(c.others)
				soonest = min(soonest, time.Since(begin))
			}
			if soonest > headerTimeout/2 {
				t.Errorf("the soonest of five answers took %v", soonest)
			}
			if n := c.times(); n != failures {
				t.Errorf("it was asked %d times, want %d", n, failures)
			}

			c.fault.Set()
			var well answer
			eventually(t, "it is asked again", func() bool {
				well = c.ask("name=fn")
				return c.times() > failures
			})
			if waited := time.Since(last); waited < openFor {
				t.Errorf("it was asked again after %v, want %v", waited, openFor)
			}
			well.ok().silent().says("Failed", "").has(c.all)
			for range 3 {
				c.ask("name=fn").ok().silent().has(c.all)
			}
			if n := c.times(); n != failures+4 {
				t.Errorf("it was asked %d times, want %d", n, failures+4)
			}
		})
	}
}

// TestBreakerProbe lets one request of many at once find out whether an upstream is back, and the others not wait for it.
func TestBreakerProbe(t *testing.T) {
	t.Parallel()
	const crowd = 8
	c := startTen(t, "header_timeout: 400ms, breaker: {failures: 1, open_for: 500ms}")
	c.fault.Set(sample.HangBeforeHeader())
	c.ask("name=fn").ok().says("Failed", "u4=timeout")
	for probe := 2; probe <= 3; probe++ {
		var reasons map[string]int
		eventually(t, "it is asked again", func() bool {
			reasons = c.together(crowd)
			return c.times() >= probe
		})
		if n := c.times(); n != probe || reasons["u4=timeout"] != 1 || reasons["u4=breaker"] != crowd-1 {
			t.Errorf("of %d requests at once came %v, and it was asked %d times by now, want %d: one asks", crowd, reasons, n, probe)
		}
	}
}

// together asks as often at once, and counts what is said to have failed.
func (d *daemon) together(n int) map[string]int {
	d.t.Helper()
	var mu sync.Mutex
	reasons := map[string]int{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			got, err := d.fetch(http.MethodGet, "/system/logs?name=fn", nil)
			if err != nil {
				d.t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			reasons[got.header.Get("X-Logmux-Failed")]++
		})
	}
	all.Wait()
	return reasons
}

// TestBreakerCounts says what is a failure of the upstream: the others are known to be up.
func TestBreakerCounts(t *testing.T) {
	t.Parallel()
	html := broken(t, sample.HTML())
	tests := []struct {
		name, url, reason string
		opens             bool
	}{
		{"dial", down(t), "dial", true},
		{"tls", "https" + strings.TrimPrefix(html, "http"), "tls", true},
		{"mute", broken(t, sample.HangBeforeHeader()), "timeout", true},
		{"s502", broken(t, sample.Refuse(502, nil)), "status-502", true},
		{"s503", broken(t, sample.Refuse(503, nil)), "status-503", true},
		{"s504", broken(t, sample.Refuse(504, nil)), "status-504", true},
		{"s500", broken(t, sample.Refuse(500, nil)), "status-500", false},
		{"s401", broken(t, sample.Refuse(401, nil)), "auth", false},
		{"s302", broken(t, sample.Refuse(302, nil)), "status-302", false},
		{"s429", broken(t, sample.Refuse(429, nil)), "status-429", false},
		{"cut", serve(t, sample.CutAfter(1)(answers(smallLine, smallLine))), "truncated", false},
		{"stuck", serve(t, sample.HangAfter(1)(answers(smallLine))), "timeout", false},
		{"html", html, "malformed", false},
	}
	to := hosts{}
	var config, first, then strings.Builder
	config.WriteString("defaults: {header_timeout: 300ms, idle_timeout: 300ms, retry: {max: 0}, breaker: {failures: 2, open_for: 1h}}\nupstreams:\n")
	for _, tt := range tests {
		to[tt.name] = tt.url
		fmt.Fprintf(&config, "  - {name: %s, url: $%s}\n", tt.name, tt.name)
		fmt.Fprintf(&first, ",%s=%s", tt.name, tt.reason)
		if tt.opens {
			tt.reason = "breaker"
		}
		fmt.Fprintf(&then, ",%s=%s", tt.name, tt.reason)
	}
	absent := broken(t, sample.Refuse(404, nil))
	to["absent"] = absent
	config.WriteString("  - {name: absent, url: $absent}\n")
	logmux := start(t, config.String(), to)
	for _, want := range []string{first.String(), first.String(), then.String(), then.String()} {
		logmux.ask("name=fn").ok().says("Failed", want[1:]).says("Absent", "absent")
	}
}

// TestRetries counts how often an upstream is asked, and holds the answer to be one, whichever attempt it is of.
func TestRetries(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute).UTC()
	lines := []string{
		message{"fn", "", "pod", at, "one"}.wire(),
		message{"fn", "", "pod", at.Add(time.Second), "two"}.wire(),
		message{"fn", "", "pod", at.Add(2 * time.Second), "three"}.wire(),
	}
	for _, tt := range []struct {
		name   string
		faults []sample.Fault
		asked  int
		failed string   // empty: complete
		texts  []string // of what failed
	}{
		{"503, 503, ok", []sample.Fault{sample.Times(2, sample.Refuse(503, nil))}, 3, "", nil},
		{"502, 504, ok", []sample.Fault{sample.Times(1, sample.Refuse(502, nil)), sample.Times(1, sample.Refuse(504, nil))}, 3, "", nil},
		{"dropped, dropped, ok", []sample.Fault{sample.Times(2, sample.Drop())}, 3, "", nil},
		{"dropped, 503, ok", []sample.Fault{sample.Times(1, sample.Drop()), sample.Times(1, sample.Refuse(503, nil))}, 3, "", nil},
		{"503 for ever", []sample.Fault{sample.Refuse(503, nil)}, 3, "status-503", nil},
		{"503, then 500", []sample.Fault{sample.Times(1, sample.Refuse(503, nil)), sample.Refuse(500, nil)}, 2, "status-500", nil},
		{"500", []sample.Fault{sample.Refuse(500, nil)}, 1, "status-500", nil},
		{"401", []sample.Fault{sample.Refuse(401, nil)}, 1, "auth", nil},
		{"429", []sample.Fault{sample.Refuse(429, http.Header{"Retry-After": {"0"}})}, 1, "status-429", nil},
		{"no answer", []sample.Fault{sample.HangBeforeHeader()}, 1, "timeout", nil},
		{"reset in the first line", []sample.Fault{sample.CutAfter(0)}, 1, "truncated", []string{lines[0][:len(lines[0])/2]}},
		{"reset in the second line", []sample.Fault{sample.CutAfter(1)}, 1, "truncated", []string{"one", lines[1][:len(lines[1])/2]}},
		{"reset at the end", []sample.Fault{sample.CutAfter(3)}, 1, "truncated", []string{"one", "two", "three"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			provider := &sample.Faults{Handler: answers(lines...)}
			provider.Set(tt.faults...)
			url, asked := recorded(t, provider)
			logmux := start(t, `
defaults: {header_timeout: 300ms, retry: {max: 2, min_wait: 1ms, max_wait: 2ms}}
upstreams: [{name: good, url: $good}, {name: bad, url: $bad}]
`, hosts{"good": serve(t, answers()), "bad": url})
			got := logmux.ask("name=fn").ok()
			if tt.failed == "" {
				got.silent().says("Ok", "good,bad").has(lines)
			} else {
				got.says("Ok", "good").says("Failed", "bad="+tt.failed).warns([]string{"bad", tt.failed})
				var texts []string
				for _, line := range got.lines {
					texts = append(texts, decode(t, line).Text)
				}
				if fmt.Sprintf("%q", texts) != fmt.Sprintf("%q", tt.texts) {
					t.Errorf("texts %q, want %q", texts, tt.texts)
				}
			}
			if n := len(asked.Queries()); n != tt.asked {
				t.Errorf("asked %d times, want %d", n, tt.asked)
			}
		})
	}
}

// TestRetryAfter has an upstream say when it wants to be asked again.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	says := func(text string) func() string { return func() string { return text } }
	inTwoSeconds := func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) } // which has whole ones
	for _, tt := range []struct {
		name        string
		after       func() string
		maxWait     string
		least, most time.Duration
	}{
		{"honoured", says("1"), "10s", time.Second, 5 * time.Second},
		{"honoured, of a date", inTwoSeconds, "10s", 900 * time.Millisecond, 5 * time.Second},
		{"honoured up to max_wait", says("30"), "500ms", 500 * time.Millisecond, 5 * time.Second},
		{"none", says(""), "10s", 0, 2 * time.Second}, // min_wait at most
		{"nonsense", says("soon"), "10s", 0, 2 * time.Second},
		{"long ago", says("Mon, 02 Jan 2006 15:04:05 GMT"), "10s", 0, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			provider := &sample.Faults{Handler: answers(smallLine)}
			provider.Set(sample.Times(1, func(http.Handler) http.Handler {
				return sample.Refuse(503, http.Header{"Retry-After": {tt.after()}})(nil)
			}))
			url, asked := recorded(t, provider)
			logmux := start(t, "upstreams: [{name: one, url: $one, retry: {max: 1, min_wait: 1ms, max_wait: "+tt.maxWait+"}}]", hosts{"one": url})
			begin := time.Now()
			logmux.ask("name=small").ok().silent().has([]string{smallLine})
			if took := time.Since(begin); took < tt.least || took > tt.most {
				t.Errorf("the answer took %v, want %v to %v", took, tt.least, tt.most)
			}
			if n := len(asked.Queries()); n != 2 {
				t.Errorf("asked %d times, want 2", n)
			}
		})
	}
}
