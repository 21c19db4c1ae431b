package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A real is an answer of a real provider.
type real struct {
	name string
	http.Handler
	body string // empty where it has no lines
}

func reals(t testing.TB) []real {
	t.Helper()
	files, err := filepath.Glob("testdata/*.ndjson")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d answers, %v", len(files), err)
	}
	var all []real
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		status, contentType := http.StatusOK, "application/x-ndjson"
		// One is without its head: it is a follow's, and like the others'.
		if head, err := os.Open(strings.TrimSuffix(file, ".ndjson") + ".headers"); err == nil {
			resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(head, strings.NewReader("\r\n"))), nil)
			head.Close()
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			status, contentType = resp.StatusCode, resp.Header.Get("Content-Type")
		}
		r := real{name: strings.TrimSuffix(filepath.Base(file), ".ndjson")}
		r.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "Keep-Alive")
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			for line := range bytes.Lines(body) {
				w.Write(line)
				http.NewResponseController(w).Flush()
			}
		})
		if status == http.StatusOK {
			r.body = string(body)
		}
		all = append(all, r)
	}
	return all
}

func bodiesOf(answers []real) []string {
	var bodies []string
	for _, r := range answers {
		bodies = append(bodies, r.body)
	}
	return bodies
}

func TestRealAnswers(t *testing.T) {
	for _, r := range reals(t) {
		t.Run(r.name, func(t *testing.T) {
			p := newProxy(t, serve(t, "a", r))
			got := p.ask(t, "name=fn")
			if r.name == "faas-netes-missing-fn" {
				if got.status != 500 || got.header.Get("X-Logmux-Absent") != "a" {
					t.Errorf("status %d, absent %q", got.status, got.header.Get("X-Logmux-Absent"))
				}
				return
			}
			got.holds(t, inOrder(t, 0, r.body))
			for _, tail := range []int{1, 2, 5, 1000} {
				got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", tail))
				got.holds(t, inOrder(t, tail, r.body))
			}
		})
	}
}

func TestRealAnswersTogether(t *testing.T) {
	t.Parallel()
	all := reals(t)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	for name, some := range map[string][]real{
		"all":            all,
		"all, reversed":  reversed,
		"each twice":     slices.Concat(all, all),
		"the first half": all[:len(all)/2],
		"the other half": all[len(all)/2:],
	} {
		t.Run(name, func(t *testing.T) { checkReals(t, some) })
	}
	for i, r := range all {
		other := all[(i+7)%len(all)]
		t.Run(r.name+" and "+other.name, func(t *testing.T) { checkReals(t, []real{r, other}) })
	}
}

func checkReals(t *testing.T, some []real) {
	t.Helper()
	var upstreams []proxy.Upstream
	for i, r := range some {
		upstreams = append(upstreams, serve(t, fmt.Sprintf("u%d", i), r))
	}
	p := newProxy(t, upstreams...)
	for _, tail := range []int{0, 3, 17} {
		got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", tail))
		got.holds(t, inOrder(t, tail, bodiesOf(some)...))
	}
}

// A tape is a provider of which it is known what it sent last: some send
// another order each time.
type tape struct {
	http.Handler
	mu   sync.Mutex
	last *bytes.Buffer
}

func (c *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent := new(bytes.Buffer)
	c.Handler.ServeHTTP(&tapeWriter{w, sent}, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = sent
}

func (c *tape) sent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last.String()
}

type tapeWriter struct {
	http.ResponseWriter
	sent *bytes.Buffer
}

func (w *tapeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *tapeWriter) Write(p []byte) (int, error) {
	w.sent.Write(p)
	return w.ResponseWriter.Write(p)
}

const perProvider = 10_000

// The lines of the four providers lie within this, all of it in their default windows.
var windowEnd = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// instants are n ascending times before windowEnd, on so coarse a grid that many are equal.
func instants(rng *rand.Rand, n int) []time.Time {
	all := make([]time.Time, n)
	for i := range all {
		all[i] = windowEnd.Add(-time.Duration(1+rng.IntN(4000)) * 50 * time.Millisecond).Add(time.Duration(rng.IntN(3)) * 1001 * time.Microsecond)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// store holds a function's lines of several instances.
func store(rng *rand.Rand, instances ...string) *sample.Store {
	s := new(sample.Store)
	var lines []sample.Line
	for i, at := range instants(rng, perProvider) {
		instance := instances[rng.IntN(len(instances))]
		lines = append(lines, sample.Line{Instance: instance, Time: at, Text: fmt.Sprintf("%s says <%d>", instance, i)})
	}
	s.Append("fn", lines...)
	return s
}

func windowClock() time.Time { return windowEnd }

// shuffledStreams sends the streams of openfaas-loki: each in order, one after
// the other, the streams in another order each time. It knows no limit.
func shuffledStreams(rng *rand.Rand) http.HandlerFunc {
	streams := make([]strings.Builder, 5)
	for i, at := range instants(rng, perProvider) {
		s := rng.IntN(len(streams))
		streams[s].WriteString(logLine(fmt.Sprintf("fig-%d", s), at.Add(time.Duration(rng.IntN(2))), fmt.Sprintf("stream %d, line %d", s, i)))
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range rand.Perm(len(streams)) {
			io.WriteString(w, streams[s].String())
		}
	}
}

// mixedLines are in no order, with timestamps in whatever form RFC 3339 has,
// and fields that nobody knows.
func mixedLines(rng *rand.Rand) []string {
	zones := []*time.Location{time.UTC, time.FixedZone("", 3600), time.FixedZone("", -(5*3600 + 1800)), time.FixedZone("", 14*3600)}
	layouts := []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.0Z07:00", "2006-01-02T15:04:05.00Z07:00", "2006-01-02T15:04:05.000Z07:00",
		"2006-01-02T15:04:05.000000Z07:00", "2006-01-02T15:04:05.000000000Z07:00", "2006-01-02T15:04:05.999999999Z07:00",
	}
	var lines []string
	for i, at := range instants(rng, perProvider) {
		timestamp := at.In(zones[rng.IntN(len(zones))]).Format(layouts[rng.IntN(len(layouts))])
		format := `{"name":"fn","namespace":"ns","instance":"pod-%d","timestamp":%q,"text":"line %d"}` + "\n"
		if rng.IntN(4) == 0 {
			format = `{"instance":"pod-%d", "timestamp":%q, "level":"info", "text":"line %d"}` + "\n"
		}
		lines = append(lines, fmt.Sprintf(format, i%3, timestamp, i))
	}
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

var tails = []int{0, 1, 7, 1000}

func TestFourProviders(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	tapes := []*tape{
		{Handler: &sample.FaasNetes{Store: store(rng, "fn-aaaaa", "fn-bbbbb", "fn-ccccc"), Now: windowClock, Interleave: true}},
		{Handler: &sample.Faasd{Store: store(rng, "1001", "1002"), Now: windowClock}},
		{Handler: shuffledStreams(rng)},
		{Handler: answers(mixedLines(rng)...)},
	}
	p := newProxy(t, serve(t, "netes", tapes[0]), serve(t, "faasd", tapes[1]), serve(t, "loki", tapes[2]), serve(t, "generic", tapes[3]))
	p.Upstreams[1].TailMode = proxy.TailAll // its systemd is old, and keeps the oldest

	var keys []int64 // of everything there is
	for _, tail := range tails {
		t.Run(fmt.Sprintf("tail=%d", tail), func(t *testing.T) {
			got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", tail))
			var sent []string
			for _, c := range tapes {
				sent = append(sent, c.sent())
			}
			got.holds(t, inOrder(t, tail, sent...))
			gotKeys := make([]int64, 0, 4*perProvider)
			for _, l := range keysOf(t, got.body) {
				gotKeys = append(gotKeys, l.key)
			}
			if keys == nil { // the first tail is none
				keys = gotKeys
			}
			want := keys
			if len(keys) != 4*perProvider {
				t.Fatalf("%d lines of %d", len(keys), 4*perProvider)
			}
			if tail > 0 {
				want = keys[len(keys)-tail:]
			}
			if !slices.Equal(gotKeys, want) {
				t.Errorf("%d lines are not of the newest %d instants", len(gotKeys), len(want))
			}
		})
	}
	got := read(t, p.get(t.Context(), t, "name=fn&tail=-1"))
	var sent []string
	for _, c := range tapes {
		sent = append(sent, c.sent())
	}
	if want := inOrder(t, 0, sent...); got.body != want {
		t.Errorf("tail=-1: %d bytes, want %d", len(got.body), len(want))
	}
}

// Sorted answers, said to be: the streaming path has the same result.
func TestFourOrderedProviders(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	var sent []string
	var upstreams []proxy.Upstream
	for i := range 4 {
		body := inOrder(t, 0, strings.Join(mixedLines(rng), ""))
		sent = append(sent, body)
		upstreams = append(upstreams, serve(t, fmt.Sprintf("u%d", i), answers(body), ordered))
	}
	p := newProxy(t, upstreams...)
	all := inOrder(t, 0, sent...)
	for _, tail := range tails {
		t.Run(fmt.Sprintf("tail=%d", tail), func(t *testing.T) {
			want := all
			if tail > 0 {
				want = lastLines(all, tail)
			}
			got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", tail))
			got.holds(t, want)
		})
	}
	if got := read(t, p.get(t.Context(), t, "name=fn&tail=-1")); got.body != all {
		t.Errorf("tail=-1: %d bytes, want %d", len(got.body), len(all))
	}
}

// Equal instants: by the upstream's place in the config, then by arrival.
func TestEqualInstants(t *testing.T) {
	t.Parallel()
	var sent []string
	for u := range 5 {
		var body string
		for i := range 200 {
			body += logLine(fmt.Sprintf("pod-%d", 9-u), second(float64(i/50)), fmt.Sprintf("%d", (i*37)%200))
		}
		sent = append(sent, body)
	}
	for _, way := range []struct {
		name    string
		options []option
	}{{"sorted", nil}, {"streamed", []option{ordered}}} {
		t.Run(way.name, func(t *testing.T) {
			var upstreams []proxy.Upstream
			for u, body := range sent {
				// The names are in the other order, the sizes of the pieces differ.
				upstreams = append(upstreams, serve(t, fmt.Sprintf("u%d", 9-u), answersInPieces(body, 100+1000*u), way.options...))
			}
			p := newProxy(t, upstreams...)
			for _, tail := range []int{0, 1, 130, 333, 999} {
				got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", tail))
				got.holds(t, inOrder(t, tail, sent...))
			}
		})
	}
}

func TestManyUpstreams(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed=%v", streamed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, 8))
			var sent []string
			var upstreams []proxy.Upstream
			for u := range 60 {
				var lines []string
				for i := range rng.IntN(100) {
					lines = append(lines, logLine("pod", second(float64(rng.IntN(100))), fmt.Sprintf("%d of %d", i, u)))
				}
				body := strings.Join(lines, "")
				if streamed {
					body = inOrder(t, 0, body)
				}
				sent = append(sent, body)
				s := serve(t, fmt.Sprintf("u%d", u), answersInPieces(body, 1+rng.IntN(5000)))
				s.Ordered = streamed
				upstreams = append(upstreams, s)
			}
			got := newProxy(t, upstreams...).ask(t, "name=fn")
			got.holds(t, inOrder(t, 0, sent...))
		})
	}
}

func TestRequestsAtOnce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 10))
	sent := []string{inOrder(t, 0, mixedLines(rng)[:1000]...), inOrder(t, 0, mixedLines(rng)[:1000]...)}
	for _, way := range []struct {
		name    string
		options []option
	}{{"sorted", nil}, {"streamed", []option{ordered}}} {
		t.Run(way.name, func(t *testing.T) {
			p := newProxy(t, serve(t, "a", answers(sent[0]), way.options...), serve(t, "b", answers(sent[1]), way.options...))
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					tail := 100 * (i % 3)
					got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", tail))
					if want := inOrder(t, tail, sent...); got.logs != want {
						t.Errorf("tail=%d: %d bytes, want %d", tail, len(got.logs), len(want))
					}
				})
			}
			all.Wait()
		})
	}
}
