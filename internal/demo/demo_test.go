package demo

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A screen keeps what is printed, and tells when a text is.
type screen struct {
	awaited string

	mu    sync.Mutex
	text  bytes.Buffer
	shown chan struct{} // closed once the awaited text is there
}

func newScreen(awaited string) *screen {
	return &screen{awaited: awaited, shown: make(chan struct{})}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := strings.Contains(s.text.String(), s.awaited)
	s.text.Write(p)
	if !before && strings.Contains(s.text.String(), s.awaited) {
		close(s.shown)
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// within waits for what must come soon.
func within[T any](t *testing.T, limit time.Duration, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(limit):
		t.Fatalf("not within %v: %s", limit, what)
	}
	return v
}

func TestOnceShowsEverythingAndEnds(t *testing.T) {
	t.Parallel()
	start := time.Now()
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Listen: "127.0.0.1:0", Once: true, Out: &out}); err != nil {
		t.Fatalf("%v, after\n%s", err, &out)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	shown := out.String()
	if strings.Contains(shown, "\x1b") {
		t.Error("a colour, where there is no terminal")
	}
	// The merged answer is the history, in its order.
	_, answer, _ := strings.Cut(shown, "GET /system/logs?name=figlet\n")
	got := strings.Split(answer, "\n")
	ps := newProviders()
	for i, h := range history {
		name := ""
		for _, p := range ps {
			for _, instance := range p.instances {
				if instance == h.instance {
					name = p.name
				}
			}
		}
		want := regexp.MustCompile(`^  ` + name + ` +\d\d:\d\d:\d\d\.\d\d\d  ` + regexp.QuoteMeta(h.text) + `$`)
		if !want.MatchString(got[i]) {
			t.Errorf("line %d: got %q, want %s", i, got[i], want)
		}
	}
	if want := "23 lines of 3 providers, by time."; got[len(history)] != want {
		t.Errorf("got %q, want %q", got[len(history)], want)
	}
	if last := "\nall 24 lines appended meanwhile arrived, each once\n"; !strings.HasSuffix(shown, last) {
		t.Errorf("ends in %q", shown[len(shown)-100:])
	}
}

var command = regexp.MustCompile(`curl [^h]*(http[^' ]+)`)

func TestServesWhatItSaysToTryUntilItsContextIsDone(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	out := newScreen("Ctrl-C ends it.")
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Listen: "127.0.0.1:0", Out: out}) }()
	within(t, 15*time.Second, "everything shown", out.shown)

	commands := command.FindAllStringSubmatch(out.String(), -1)
	if len(commands) != 6 {
		t.Errorf("%d commands, want 6, in\n%s", len(commands), out)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, c := range commands {
		resp, err := client.Get(c[1])
		if err != nil {
			t.Fatal(err)
		}
		start := make([]byte, 20)
		if _, err := io.ReadFull(resp.Body, start); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %q, %v", c[1], resp.Status, start, err)
		}
		defer resp.Body.Close() // the follow is open when the demo is to end
	}
	interrupt()
	if err := within(t, 4*time.Second, "the end", ended); err != nil {
		t.Error(err)
	}
}

func TestEndsWhileItShows(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"Three log providers", "GET /system/logs?name=figlet\n", "[live-09]"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			out := newScreen(moment)
			ended := make(chan error, 1)
			go func() { ended <- Run(ctx, Options{Listen: "127.0.0.1:0", Out: out}) }()
			within(t, 10*time.Second, moment, out.shown)
			interrupt()
			if err := within(t, 4*time.Second, "the end", ended); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	var out bytes.Buffer
	err = Run(t.Context(), Options{Listen: address, Once: true, Out: &out})
	want := "listen tcp " + address + ": bind: address already in use; choose another with --listen"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if out.Len() > 0 {
		t.Errorf("printed %q", &out)
	}
}

func TestReachable(t *testing.T) {
	for _, tt := range []struct{ ip, want string }{
		{"127.0.0.1", "127.0.0.1:9195"},
		{"0.0.0.0", "127.0.0.1:9195"},
		{"::", "127.0.0.1:9195"},
		{"::1", "[::1]:9195"},
	} {
		if got := reachable(&net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 9195}); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.ip, got, tt.want)
		}
	}
}
