package proxy_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// followKinds are the providers and how they are followed.
var followKinds = []struct {
	name     string
	provider func(*sample.Store) http.Handler
	options  option
}{
	{"faas-netes", func(s *sample.Store) http.Handler { return &sample.FaasNetes{Store: s} }, asFaasNetes},
	{"faas-netes interleaving", func(s *sample.Store) http.Handler { return &sample.FaasNetes{Store: s, Interleave: true} }, asFaasNetes},
	{"faasd", func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s} }, asFaasd},
	{"faasd with a new systemd", func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s, Systemd: 254} }, asFaasd},
	{"openfaas-loki", func(s *sample.Store) http.Handler { return &sample.Loki{Store: s, Interleave: true} }, asLoki},
	{"openfaas-loki as a stream", func(s *sample.Store) http.Handler { return &sample.Loki{Store: s} }, asLokiStream},
	{"generic", func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s, Systemd: 254} }, asGeneric},
}

// A writer logs numbered lines without a pause.
type writer struct {
	store   *sample.Store
	name    string
	written atomic.Int64 // lines
	stop    chan struct{}
	ended   chan struct{}
}

func startWriting(t *testing.T, name string, store *sample.Store, lines int) *writer {
	w := &writer{store: store, name: name, stop: make(chan struct{}), ended: make(chan struct{})}
	var last time.Time
	write := func() {
		now := time.Now().Truncate(time.Microsecond)
		if !now.After(last) {
			now = last.Add(time.Microsecond)
		}
		last = now
		n := w.written.Load()
		store.Append("fn", sample.Line{Instance: fmt.Sprint(name, "-", n%3), Time: now, Text: fmt.Sprint(name, " ", n)})
		w.written.Add(1)
	}
	for range lines {
		write()
	}
	go func() {
		defer close(w.ended)
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(time.Millisecond):
				write()
			}
		}
	}()
	t.Cleanup(w.end)
	return w
}

func (w *writer) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	<-w.ended
}

// check wants the writer's lines from some number on, each once and in order,
// and returns that number.
func (w *writer) check(t *testing.T, texts []string) int {
	t.Helper()
	first, next := -1, 0
	for _, text := range texts {
		number, mine := strings.CutPrefix(text, w.name+" ")
		if !mine {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%q", text)
		}
		if first < 0 {
			first, next = n, n
		}
		if n != next {
			t.Errorf("%s: line %d, want %d (of %d to %d)", w.name, n, next, first, w.written.Load())
			return first
		}
		next++
	}
	if want := int(w.written.Load()); next != want {
		t.Errorf("%s: the last line is %d, want %d", w.name, next-1, want-1)
	}
	return first
}

// While lines are logged without a pause: the newest of some moment, then every later one.
func TestFollowTailWhileLogging(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	const before = 150
	for _, kind := range followKinds {
		run(kind.name, func(t *testing.T) {
			store := new(sample.Store)
			p := newProxy(t, serve(t, "a", kind.provider(store), kind.options))
			p.ReorderWindow = 300 * time.Millisecond
			w := startWriting(t, "w", store, before)
			time.Sleep(50 * time.Millisecond)
			type tailing struct {
				*following
				tail            int
				asked, answered int // lines by then
			}
			var all []*tailing
			for _, tail := range []int{10, 1, 0, -1, 100} {
				f := &tailing{tail: tail, asked: int(w.written.Load())}
				f.following = p.follow(t, fmt.Sprint("&tail=", tail))
				f.await(bounds, "first line", func() bool { return len(f.logs()) > 0 })
				f.answered = int(w.written.Load())
				all = append(all, f)
			}
			time.Sleep(500 * time.Millisecond)
			w.end()
			for _, f := range all {
				f.awaitText(fmt.Sprint("w ", w.written.Load()-1))
			}
			time.Sleep(400 * time.Millisecond) // for what comes twice
			for _, f := range all {
				first := w.check(t, f.texts())
				if f.tail <= 0 {
					if first != 0 {
						t.Errorf("tail=%d: the first line is %d, want 0", f.tail, first)
					}
				} else if cut := first + f.tail; cut < f.asked || cut > f.answered {
					t.Errorf("tail=%d: there were %d lines when asked, and %d when answered; it begins with line %d",
						f.tail, f.asked, f.answered, first)
				}
			}
		})
	}
}

// The same of several providers at once.
func TestFollowTailOfSeveralWhileLogging(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, tail := range []int{1, 10, 0} {
		run(fmt.Sprint(tail), func(t *testing.T) {
			var writers []*writer
			var upstreams []proxy.Upstream
			for i, kind := range followKinds {
				store := new(sample.Store)
				name := fmt.Sprint("w", i)
				upstreams = append(upstreams, serve(t, fmt.Sprint("u", i), kind.provider(store), kind.options))
				writers = append(writers, startWriting(t, name, store, 100))
			}
			p := newProxy(t, upstreams...)
			f := p.follow(t, fmt.Sprint("&tail=", tail))
			time.Sleep(time.Second)
			for _, w := range writers {
				w.end()
			}
			for _, w := range writers {
				f.awaitText(fmt.Sprint(w.name, " ", w.written.Load()-1))
			}
			f.quiet(300 * time.Millisecond)
			for _, w := range writers {
				if first := w.check(t, f.texts()); tail == 0 && first != 0 {
					t.Errorf("%s begins with line %d", w.name, first)
				}
			}
		})
	}
}
