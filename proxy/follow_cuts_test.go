package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A fleet is a provider of each kind, each with its own lines.
type fleet struct {
	t         *testing.T
	names     []string
	stores    []*sample.Store
	flaky     []*flaky
	upstreams []proxy.Upstream
	want      map[string]int // how often each line was logged
	lines     int
	last      time.Time
}

// lags are how long after they are logged faas-netes has the lines of its pods.
var lags = map[string]time.Duration{"netes-1": 500 * time.Millisecond, "netes-2": 2 * time.Second}

func newFleet(t *testing.T, seed uint64, loki option, lags map[string]time.Duration, timeout time.Duration) *fleet {
	t.Helper()
	pods := map[string]sample.Pod{}
	for name, lag := range lags {
		pods[name] = sample.Pod{Lag: lag}
	}
	f := &fleet{t: t, want: map[string]int{}}
	for _, p := range []struct {
		name     string
		provider func(*sample.Store) http.Handler
		options  option
	}{
		{"netes", func(s *sample.Store) http.Handler {
			return &sample.FaasNetes{Store: s, Pods: pods, Timeout: timeout, Seed: seed}
		}, asFaasNetes},
		{"faasd", func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s, Seed: seed} }, asFaasd},
		{"loki", func(s *sample.Store) http.Handler { return &sample.Loki{Store: s, Interleave: true, Seed: seed} }, loki},
		{"generic", func(s *sample.Store) http.Handler {
			return &sample.FaasNetes{Store: s, Interleave: true, Timeout: timeout, Seed: seed}
		}, asGeneric},
	} {
		store := new(sample.Store)
		flaky, up := serveFlaky(t, p.name, p.provider(store), p.options, defaultRetry)
		f.names, f.stores = append(f.names, p.name), append(f.stores, store)
		f.flaky, f.upstreams = append(f.flaky, flaky), append(f.upstreams, up)
	}
	return f
}

// log logs a line at a provider so many times. No two lines are of one instant but equal ones.
func (f *fleet) log(provider, pod, times int) {
	now := time.Now().Truncate(time.Microsecond)
	if !now.After(f.last) {
		now = f.last.Add(time.Microsecond)
	}
	f.last = now
	line := sample.Line{Instance: fmt.Sprint(f.names[provider], "-", pod), Time: now, Text: fmt.Sprint("line ", f.lines)}
	for range times {
		f.stores[provider].Append("fn", line)
		f.want[identityOf(line.Instance, line.Time, line.Text)]++
		f.lines++
	}
}

func identityOf(instance string, at time.Time, text string) string {
	return fmt.Sprint(instance, " ", at.UnixNano(), " ", strings.TrimSuffix(text, "\n"))
}

// check wants each line exactly as often as it was logged.
func (f *fleet) check(got []received) {
	f.t.Helper()
	count := map[string]int{}
	for _, l := range got {
		count[identityOf(l.Instance, l.Timestamp, l.Text)]++
	}
	problems := map[string][]string{}
	note := func(what, id string) {
		name, _, _ := strings.Cut(id, "-")
		problems[name+": "+what] = append(problems[name+": "+what], id)
	}
	for id, want := range f.want {
		switch got := count[id]; {
		case got == 0:
			note("missing", id)
		case got < want:
			note("equal lines, but too few", id)
		case got > want:
			note("too often", id)
		}
	}
	for id := range count {
		if f.want[id] == 0 {
			note("never logged", id)
		}
	}
	for what, ids := range problems {
		slices.Sort(ids)
		f.t.Errorf("%s: %d of %d lines, as %.300q", what, len(ids), len(f.want), ids)
	}
}

// cutOff cuts a provider off in one of the ways there are.
func cutOff(f *flaky, rng *rand.Rand) {
	switch rng.IntN(5) {
	case 0:
		f.reset()
	case 1:
		f.breakMidLine()
	case 2:
		f.breakNext()
	case 3:
		f.endAnswers()
	case 4:
		f.restart(time.Duration(50+rng.IntN(400)) * time.Millisecond)
	}
}

// Whatever happens to the providers and to the connections, every line comes
// exactly once, and equal ones as often as they happened.
func TestFollowLosesNothingAndRepeatsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	lines, span, seeds := 6_000, 6*time.Second, uint64(1)
	if long() {
		lines, span, seeds = 60_000, time.Minute, 3
	}
	const cuts = 6
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for seed := range seeds {
		for _, mode := range []struct {
			name string
			loki option
		}{{"poll", asLoki}, {"stream falls back", asLokiStream}} {
			run(fmt.Sprint(mode.name, "/", seed), func(t *testing.T) {
				f := newFleet(t, seed, mode.loki, lags, span/4)
				rng := rand.New(rand.NewPCG(seed, 1))
				for i := range 40 {
					f.log(i%4, i%3, 1+i%2)
				}
				p := newProxy(t, f.upstreams...)
				p.ReorderWindow = 500 * time.Millisecond
				following := p.follow(t, "")

				var cutting sync.WaitGroup
				for i, provider := range f.flaky {
					rng := rand.New(rand.NewPCG(seed, uint64(i)+2))
					at := make([]time.Duration, cuts)
					for i := range at {
						at[i] = time.Duration((0.03 + 0.94*rng.Float64()) * float64(span))
					}
					slices.Sort(at)
					start := time.Now()
					cutting.Go(func() {
						for _, at := range at {
							time.Sleep(time.Until(start.Add(at)))
							cutOff(provider, rng)
						}
					})
				}
				start := time.Now()
				for i := range lines {
					time.Sleep(time.Until(start.Add(span * time.Duration(i) / time.Duration(lines))))
					times := 1
					if rng.IntN(20) == 0 {
						times = 2
					}
					f.log(rng.IntN(4), rng.IntN(3), times)
				}
				cutting.Wait()
				for i := range f.stores {
					f.log(i, 0, 1)
				}
				deadline := time.Now().Add(2 * bounds)
				for len(following.logs()) < f.lines && time.Now().Before(deadline) {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(1500 * time.Millisecond) // for what comes twice
				f.check(following.logs())
			})
		}
	}
}

// After a long break faas-netes may send all of one pod before the other: what
// it then repeats of the other is still known.
func TestFollowCatchesUpWithOnePodAfterTheOther(t *testing.T) {
	t.Parallel()
	store := new(sample.Store)
	flaky, up := serveFlaky(t, "netes", &sample.FaasNetes{Store: store}, asFaasNetes, defaultRetry)
	p := newProxy(t, up)
	p.ReorderWindow = 50 * time.Millisecond
	lines := 0
	log := func(n int) {
		var all []sample.Line
		for range n {
			for _, pod := range []string{"a", "b"} {
				all = append(all, logged(pod, fmt.Sprint(lines)))
				lines++
			}
		}
		store.Append("fn", all...)
	}
	log(1)
	f := p.follow(t, "")
	f.await(bounds, "backlog", func() bool { return len(f.logs()) == lines })
	log(1_000)
	f.await(bounds, "live lines", func() bool { return len(f.logs()) == lines })
	flaky.down()
	log(30_000)
	flaky.up()
	f.await(3*bounds, "all", func() bool { return len(f.logs()) >= lines })
	time.Sleep(time.Second)
	if got := len(f.logs()); got != lines {
		t.Errorf("%d lines came, want %d", got, lines)
	}
}
