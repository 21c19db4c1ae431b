package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A provider's clock may be off by more than any overlap: nothing is lost and
// nothing comes twice, also over breaks.
func TestFollowOfAProviderWithAnotherClock(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, off := range []time.Duration{-30 * time.Second, -3 * time.Second, 3 * time.Second, 30 * time.Second} {
		now := func() time.Time { return time.Now().Add(off) }
		for _, kind := range []struct {
			name     string
			provider func(*sample.Store) http.Handler
			options  option
		}{
			{"faas-netes", func(s *sample.Store) http.Handler { return &sample.FaasNetes{Store: s, Now: now} }, asFaasNetes},
			{"faasd", func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s, Now: now} }, asFaasd},
			{"openfaas-loki", func(s *sample.Store) http.Handler { return &sample.Loki{Store: s, Now: now} }, asLoki},
		} {
			for _, test := range []struct{ backlog, tail, burst int }{{0, 0, 1}, {0, 0, 100}, {30, 0, 1}, {30, 5, 1}} {
				name := fmt.Sprintf("%v/%s/backlog of %d, tail %d, %d at once", off, kind.name, test.backlog, test.tail, test.burst)
				run(name, func(t *testing.T) {
					followAnotherClock(t, off, test.backlog, test.tail, test.burst, kind.provider, kind.options)
				})
			}
		}
	}
}

func followAnotherClock(t *testing.T, off time.Duration, backlog, tail, burst int, provider func(*sample.Store) http.Handler, options option) {
	store := new(sample.Store)
	line := func(text string) sample.Line {
		l := logged("pod", text)
		l.Time = l.Time.Add(off)
		return l
	}
	// It is there, but for long nothing was logged.
	old := line("long ago")
	old.Time = old.Time.Add(-24 * time.Hour)
	store.Append("fn", old)
	var want []string
	for i := range backlog {
		l := line(fmt.Sprint("backlog ", i))
		l.Time = l.Time.Add(time.Duration(i-backlog) * 100 * time.Millisecond)
		store.Append("fn", l)
		want = append(want, l.Text)
	}
	if tail > 0 {
		want = want[len(want)-tail:]
	}
	flaky, up := serveFlaky(t, "a", provider(store), options, pollEvery(100*time.Millisecond), retries(2))
	p := newProxy(t, up)
	p.ReorderWindow = 50 * time.Millisecond
	f := p.follow(t, fmt.Sprint("&tail=", tail))
	time.Sleep(250 * time.Millisecond)
	for i := range 20 {
		for j := range burst {
			text := fmt.Sprint("live ", i*burst+j)
			store.Append("fn", line(text))
			want = append(want, text)
		}
		switch i {
		case 5, 15:
			flaky.reset()
		case 10:
			flaky.breakMidLine()
		}
		time.Sleep(20 * time.Millisecond)
	}
	deadline := time.Now().Add(bounds)
	for len(f.logs()) < len(want) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	got := slices.DeleteFunc(f.texts(), func(text string) bool { return text == "long ago" }) // some have it
	if !sameTexts(got, want) {
		t.Errorf("got %d lines, want %d: %.200q", len(got), len(want), got)
	}
}

// Providers take since in whole seconds, the one too early and the other too
// late: over many breaks each line comes once all the same.
func TestFollowOfProvidersThatRound(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, overlap := range []time.Duration{-1, 100 * time.Millisecond, 0} {
		for _, kind := range followKinds {
			if overlap != 0 && !strings.HasPrefix(kind.name, "faasd") && kind.name != "openfaas-loki" {
				continue // where the order of lines is not known, the overlap must be as long as they are late
			}
			run(fmt.Sprint(kind.name, "/overlap ", overlap), func(t *testing.T) {
				store := new(sample.Store)
				flaky, up := serveFlaky(t, "a", kind.provider(store), kind.options, overlapping(overlap), pollEvery(30*time.Millisecond),
					func(u *proxy.Upstream) {
						u.Retry = proxy.Retry{Max: 2, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}
					})
				p := newProxy(t, up)
				p.ReorderWindow = 50 * time.Millisecond
				w := startWriting(t, "w", store, 20)
				f := p.follow(t, "")
				for i := range 24 {
					time.Sleep(40 * time.Millisecond)
					if i%2 == 0 {
						flaky.reset()
					} else {
						flaky.breakMidLine()
					}
				}
				w.end()
				f.awaitText(fmt.Sprint("w ", w.written.Load()-1))
				time.Sleep(200 * time.Millisecond)
				var numbers []int
				for _, text := range f.texts() {
					n := -1
					fmt.Sscanf(text, "w %d", &n)
					numbers = append(numbers, n)
				}
				slices.Sort(numbers)
				for i := range int(w.written.Load()) {
					if i >= len(numbers) || numbers[i] != i {
						t.Fatalf("%d lines came, want %d; the first that is missing or too often is %d", len(numbers), w.written.Load(), i)
					}
				}
				if len(numbers) != int(w.written.Load()) {
					t.Errorf("%d lines came, want %d", len(numbers), w.written.Load())
				}
			})
		}
	}
}
