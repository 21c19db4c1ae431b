package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/openfaas-logmux/logmux/merge"
	"github.com/openfaas-logmux/logmux/proxy"
)

const megabyte = 1 << 20

// shuffled is about so many bytes of lines, no two of one instant, in no order.
func shuffled(rng *rand.Rand, name string, offset float64, bytes int) string {
	const size = 400
	lines := make([]string, bytes/size)
	for i := range lines {
		lines[i] = logLine(name, second(offset+float64(i)*1e-3), strings.Repeat("x", size-100))
	}
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return strings.Join(lines, "")
}

// fourBodies are so many bytes in all.
func fourBodies(bytes int) []string {
	rng := rand.New(rand.NewPCG(11, 12))
	var bodies []string
	for i := range 4 {
		bodies = append(bodies, shuffled(rng, fmt.Sprintf("pod-%d", i), float64(i)*1e-4, bytes/4))
	}
	return bodies
}

func fourUpstreams(t testing.TB, bodies []string) []proxy.Upstream {
	var upstreams []proxy.Upstream
	for i, body := range bodies {
		upstreams = append(upstreams, serve(t, fmt.Sprintf("u%d", i), answers(body)))
	}
	return upstreams
}

func wantEmptyDir(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in the spill directory: %v, %v", entries, err)
	}
}

func TestSpill(t *testing.T) {
	t.Parallel()
	bodies := fourBodies(2 * megabyte)
	all := inOrder(t, 0, bodies...)
	for _, test := range []struct {
		name string
		tail int
		set  func(*proxy.Handler)
	}{
		{"all", 0, func(h *proxy.Handler) { h.MemoryLimit = megabyte }},
		{"a tail of more than the memory", 4_000, func(h *proxy.Handler) { h.MemoryLimit = megabyte }},
		{"a tail of less", 500, func(h *proxy.Handler) { h.MemoryLimit = megabyte }},
		{"shared memory", 0, func(h *proxy.Handler) { h.Shared = &merge.Budget{Limit: megabyte} }},
		{"shared memory, and a tail", 4_000, func(h *proxy.Handler) { h.Shared = &merge.Budget{Limit: megabyte} }},
		{"tiny memory, and room enough on disk", 0, func(h *proxy.Handler) { h.MemoryLimit, h.SpillLimit = 1, 32*megabyte }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProxy(t, fourUpstreams(t, bodies)...)
			test.set(p.Handler)
			p.SpillDir = t.TempDir()
			got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", test.tail))
			want := all
			if test.tail > 0 {
				want = lastLines(all, test.tail)
			}
			got.holds(t, want)
			wantEmptyDir(t, p.SpillDir)
			if p.Shared != nil && p.Shared.Used() != 0 {
				t.Errorf("%d bytes of the shared memory are still held", p.Shared.Used())
			}
		})
	}
}

// Eight times what may be held.
func TestSpillMuch(t *testing.T) {
	t.Parallel()
	bodies := fourBodies(8 * megabyte)
	p := newProxy(t, fourUpstreams(t, bodies)...)
	p.MemoryLimit, p.SpillDir = megabyte, t.TempDir()
	got := p.ask(t, "name=fn")
	got.holds(t, inOrder(t, 0, bodies...))
	wantEmptyDir(t, p.SpillDir)
}

var number = regexp.MustCompile(`\d+`)

// Where nothing can be spilled, the newest that is held is sent, and a warning
// says what is not.
func TestSpillFails(t *testing.T) {
	t.Parallel()
	bodies := fourBodies(2 * megabyte)
	all := splitLines(inOrder(t, 0, bodies...))
	file := filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		tail int
		set  func(*proxy.Handler)
	}{
		{"no such directory", 0, func(h *proxy.Handler) { h.SpillDir = "/nonexistent/spill" }},
		{"no directory", 0, func(h *proxy.Handler) { h.SpillDir = file }},
		{"disk limit", 0, func(h *proxy.Handler) { h.SpillLimit = megabyte / 2 }},
		{"disk limit of nearly nothing", 0, func(h *proxy.Handler) { h.SpillLimit = 1 }},
		{"no such directory, and a tail", 4_000, func(h *proxy.Handler) { h.SpillDir = "/nonexistent/spill" }},
		{"disk limit, and a tail", 4_000, func(h *proxy.Handler) { h.SpillLimit = megabyte / 2 }},
		{"shared memory", 0, func(h *proxy.Handler) {
			h.SpillDir, h.Shared = "/nonexistent/spill", &merge.Budget{Limit: megabyte}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProxy(t, fourUpstreams(t, bodies)...)
			p.MemoryLimit, p.SpillDir = megabyte, t.TempDir()
			spillDir := p.SpillDir
			test.set(p.Handler)
			got := p.ask(t, fmt.Sprintf("name=fn&tail=%d", test.tail))
			wanted := all
			if test.tail > 0 {
				wanted = all[len(all)-test.tail:]
			}
			sent := strings.Count(got.logs, "\n")
			if sent == 0 || sent >= len(wanted) {
				t.Fatalf("%d lines of %d", sent, len(wanted))
			}
			got.holdsLogs(t, strings.Join(wanted[len(wanted)-sent:], ""))
			if len(got.warnings) != 1 || got.failed() != "" {
				t.Fatalf("warnings %v, failed %q", got.warnings, got.failed())
			}
			var numbers []int
			for _, n := range number.FindAllString(got.warnings[0].Text, -1) {
				n, _ := strconv.Atoi(n)
				numbers = append(numbers, n)
			}
			if missing := len(wanted) - sent; len(numbers) == 0 || numbers[0] != missing {
				t.Errorf("warning %q, though %d lines are missing", got.warnings[0].Text, missing)
			}
			if got := got.header.Get("X-Logmux-Ok"); got != "u0,u1,u2,u3" {
				t.Errorf("ok %q", got)
			}
			wantEmptyDir(t, spillDir)
			if p.Shared != nil && p.Shared.Used() != 0 {
				t.Errorf("%d bytes of the shared memory are still held", p.Shared.Used())
			}
		})
	}
}

// A tail that fits needs no disk, however much there is.
func TestTailNeedsNoDisk(t *testing.T) {
	t.Parallel()
	bodies := fourBodies(2 * megabyte)
	p := newProxy(t, fourUpstreams(t, bodies)...)
	p.MemoryLimit, p.SpillDir = megabyte, "/nonexistent/spill"
	got := p.ask(t, "name=fn&tail=300")
	got.holds(t, inOrder(t, 300, bodies...))
}

// Ordered upstreams are streamed: neither memory nor disk is needed.
func TestStreamNeedsNoDisk(t *testing.T) {
	t.Parallel()
	bodies := fourBodies(2 * megabyte)
	for i := range bodies {
		bodies[i] = inOrder(t, 0, bodies[i])
	}
	upstreams := fourUpstreams(t, bodies)
	for i := range upstreams {
		upstreams[i].Ordered = true
	}
	p := newProxy(t, upstreams...)
	p.MemoryLimit, p.SpillDir = 1, "/nonexistent/spill"
	got := p.ask(t, "name=fn")
	got.holds(t, inOrder(t, 0, bodies...))
}

// Requests that share the memory each get their own answer.
func TestSharedMemoryAtOnce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(13, 14))
	bodies := []string{shuffled(rng, "pod-a", 0, megabyte), shuffled(rng, "pod-b", 1e-4, megabyte)}
	want := inOrder(t, 0, bodies...)
	p := newProxy(t, serve(t, "a", answers(bodies[0])), serve(t, "b", answers(bodies[1])))
	p.Shared, p.SpillDir = &merge.Budget{Limit: megabyte}, t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got := p.ask(t, "name=fn"); got.body != want {
				t.Errorf("status %d, %d bytes, want %d", got.status, len(got.body), len(want))
			}
		})
	}
	all.Wait()
	wantEmptyDir(t, p.SpillDir)
	if p.Shared.Used() != 0 {
		t.Errorf("%d bytes are still held", p.Shared.Used())
	}
}

// A failed upstream and lines that are missing are both told.
func TestSpillFailsBesideAnUpstream(t *testing.T) {
	t.Parallel()
	upstreams := append(fourUpstreams(t, fourBodies(4*megabyte)), serve(t, "broken", http.HandlerFunc(cuts)))
	p := newProxy(t, upstreams...)
	p.MemoryLimit, p.SpillDir = megabyte, "/nonexistent/spill"
	got := p.ask(t, "name=fn")
	if len(got.warnings) != 2 || got.failed() != "broken=truncated" {
		t.Errorf("warnings %v, failed %q", got.warnings, got.failed())
	}
}
