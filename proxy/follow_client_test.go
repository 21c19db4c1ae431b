package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A received line is one line of a follow and when it came.
type received struct {
	at  time.Time
	raw string // with its newline
	message
}

func (r received) blank() bool   { return r.raw == "\n" }
func (r received) warning() bool { return isWarning(r.message) }

// A following is a follow under way, read as faas-cli reads it.
type following struct {
	t     testing.TB
	resp  *http.Response
	leave context.CancelFunc
	ended chan struct{} // closed at the end of the answer
	err   error         // why it ended, once ended: nil for a clean end

	mu    sync.Mutex
	lines []received
}

// follow starts a follow, which must be answered with 200. It ends with the test.
func (p *testProxy) follow(t testing.TB, query string) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	resp := p.get(ctx, t, "name=fn&follow=true"+query)
	f := &following{t: t, resp: resp, leave: cancel, ended: make(chan struct{})}
	if resp.StatusCode != http.StatusOK {
		cancel()
		t.Fatalf("status %d: %s", resp.StatusCode, read(t, resp).body)
	}
	go f.read()
	t.Cleanup(f.stop)
	return f
}

func (f *following) read() {
	defer close(f.ended)
	for r := bufio.NewReader(f.resp.Body); ; {
		raw, err := r.ReadString('\n')
		if err == nil {
			f.take(raw)
			continue
		}
		if raw != "" && f.resp.Request.Context().Err() == nil {
			f.t.Errorf("the follow ends in mid-line: %.200q", raw)
		}
		if err.Error() != "EOF" {
			f.err = err
		}
		return
	}
}

func (f *following) take(raw string) {
	line := received{at: time.Now(), raw: raw}
	if !line.blank() {
		if err := json.Unmarshal([]byte(raw), &line.message); err != nil {
			f.t.Errorf("faas-cli would stop at %.200q: %v", raw, err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, line)
}

// stop leaves, and waits until that is done.
func (f *following) stop() {
	f.leave()
	<-f.ended
	f.resp.Body.Close()
}

// all is what came so far.
func (f *following) all() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lines[:len(f.lines):len(f.lines)]
}

// logs are the log lines so far.
func (f *following) logs() []received {
	return f.only(func(l received) bool { return !l.blank() && !l.warning() })
}

// warnings are the texts of the warnings so far.
func (f *following) warnings() []string {
	return textsOf(f.only(received.warning))
}

// texts are those of the log lines so far.
func (f *following) texts() []string { return textsOf(f.logs()) }

func (f *following) only(which func(received) bool) (some []received) {
	for _, l := range f.all() {
		if which(l) {
			some = append(some, l)
		}
	}
	return some
}

func textsOf(lines []received) (texts []string) {
	for _, l := range lines {
		texts = append(texts, strings.TrimSuffix(l.Text, "\n"))
	}
	return texts
}

// await waits until what has come is as wanted.
func (f *following) await(within time.Duration, what string, holds func() bool) {
	f.t.Helper()
	timeout := time.After(within)
	again := time.NewTicker(20 * time.Millisecond) // not with each line: there may be many
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-f.ended:
			if !holds() {
				f.t.Fatalf("the follow ended (%v) before there was %s; texts %.1000q, warnings %q", f.err, what, f.texts(), f.warnings())
			}
			return
		case <-timeout:
			f.t.Fatalf("no %s within %v; %d texts %.1000q, warnings %q", what, within, len(f.texts()), f.texts(), f.warnings())
		}
	}
}

// awaitText waits for a log line.
func (f *following) awaitText(text string) {
	f.t.Helper()
	f.await(bounds, "line "+text, func() bool {
		texts := f.texts()
		return len(texts) > 0 && slices.Contains(texts, text)
	})
}

// end waits for the answer's end, which must be a clean one, and returns the trailer's failures.
func (f *following) end(within time.Duration) string {
	f.t.Helper()
	select {
	case <-f.ended:
	case <-time.After(within):
		f.t.Fatalf("no end within %v", within)
	}
	if f.err != nil {
		f.t.Errorf("the follow ends with %v", f.err)
	}
	return strings.Join(f.resp.Trailer.Values("X-Logmux-Failed"), ",")
}

// quiet wants nothing more for a while but blank lines.
func (f *following) quiet(d time.Duration) {
	f.t.Helper()
	before := len(f.only(func(l received) bool { return !l.blank() }))
	time.Sleep(d)
	if after := f.only(func(l received) bool { return !l.blank() }); len(after) > before {
		f.t.Errorf("came though nothing should: %.1000q", textsOf(after[before:]))
	}
}

// together returns a t.Run whose tests run all at once, however few processors
// there are: they wait more than they compute. The test ends with wait.
func together(t *testing.T) (run func(name string, test func(*testing.T)), wait func()) {
	var all sync.WaitGroup
	run = func(name string, test func(*testing.T)) {
		all.Go(func() { t.Run(name, test) })
	}
	return run, all.Wait
}

// long is whether the tests are to take as long as it needs to see what is rare.
func long() bool { return os.Getenv("LOGMUX_LONG") != "" }

// noLeak wants the goroutines that the test starts to be gone at its end.
func noLeak(t *testing.T) {
	t.Helper()
	current := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, current) })
}
