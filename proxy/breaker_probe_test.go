package proxy_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A gate lets a provider's requests wait until the test lets them go on.
type gate struct {
	next    http.Handler
	arrived chan struct{} // gets a value for each request
	open    chan struct{} // each request takes one
}

func newGate(next http.Handler) *gate {
	return &gate{next, make(chan struct{}, 1000), make(chan struct{}, 1000)}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.arrived <- struct{}{}
	select {
	case <-g.open:
		g.next.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// gated is a patient whose probes wait at the gate, with an open breaker.
func gated(t *testing.T, openFor time.Duration) (*patient, *gate) {
	t.Helper()
	g := newGate(answers(threeLines()))
	faults := &sample.Faults{Handler: g}
	faults.Set(sample.Refuse(503, nil))
	asked := &sample.Recorder{Handler: faults}
	p := &patient{
		newProxy(t, serve(t, "x", asked, breaking(1, openFor), headerWithin(bounds)), serve(t, "sound", answers(fiveLines()))),
		func() int { return len(asked.Queries()) },
		func() { faults.Set() },
	}
	p.wantFailed(t, "status-503")
	p.heal()
	return p, g
}

// probe asks until the upstream is asked, and returns where the answer of that
// request will be.
func (p *patient) probe(ctx context.Context, t *testing.T, g *gate) <-chan answer {
	t.Helper()
	deadline := time.After(bounds)
	for {
		got := make(chan answer, 1)
		go func() {
			defer close(got)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/system/logs?name=fn&namespace=ns", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if resp, err := p.client.Do(req); err == nil {
				a := read(t, resp)
				a.check(t)
				got <- a
			}
		}()
		select {
		case <-g.arrived:
			return got
		case a := <-got:
			if a.failed() != "x=breaker" {
				t.Fatalf("failed %q, want breaker", a.failed())
			}
		case <-deadline:
			t.Fatalf("not asked for %v", bounds)
		}
	}
}

// When its time is over, one of many requests tries; what it finds is for all.
func TestBreakerProbe(t *testing.T) {
	t.Parallel()
	p, g := gated(t, soon)
	before := p.asked()
	probe := p.probe(t.Context(), t, g)
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			got := p.ask(t, "name=fn&namespace=ns")
			if got.status != 200 || got.failed() != "x=breaker" || got.logs != fiveLines() {
				t.Errorf("status %d, failed %q while another request tries", got.status, got.failed())
			}
		})
	}
	others.Wait()
	if n := p.asked() - before; n != 1 {
		t.Errorf("asked %d times, want the one that tries", n)
	}
	for range 2 {
		g.open <- struct{}{}
	}
	got := awaits(t, probe, "the answer of the probe")
	got.holds(t, inOrder(t, 0, threeLines(), fiveLines()))
	p.wantSound(t)
}

// A probe whose client leaves has found nothing out, and the next may try.
func TestBreakerProbeThatIsGivenUp(t *testing.T) {
	t.Parallel()
	p, g := gated(t, soon)
	ctx, leave := context.WithCancel(t.Context())
	probe := p.probe(ctx, t, g)
	leave()
	awaits(t, probe, "the end of the first probe")
	second := p.probe(t.Context(), t, g)
	g.open <- struct{}{}
	got := awaits(t, second, "the answer of the second")
	got.holds(t, inOrder(t, 0, threeLines(), fiveLines()))
}

// One that fails opens it again for as long.
func TestBreakerProbeThatFails(t *testing.T) {
	t.Parallel()
	const openFor = 2 * soon
	var last atomic.Int64 // when the upstream was asked last
	start := time.Now()
	p := ill(t, instead(func(w http.ResponseWriter, _ *http.Request) {
		now := time.Since(start)
		if before := time.Duration(last.Swap(int64(now))); before > 0 && now-before < openFor {
			t.Errorf("asked again after %v", now-before)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}), breaking(1, openFor))
	for deadline := time.Now().Add(bounds); p.asked() < 4; {
		got := p.ask(t, "name=fn")
		if f := got.failed(); f != "x=breaker" && f != "x=status-503" {
			t.Fatalf("failed %q", f)
		}
		if time.Now().After(deadline) {
			t.Fatalf("asked %d times in %v, want one each %v", p.asked(), bounds, openFor)
		}
	}
}

// followed is an upstream that is followed as its kind is, beside a sound one.
type followed struct {
	*testProxy
	*flaky
	faults *sample.Faults
	store  *sample.Store
}

func newFollowed(t *testing.T, kind option) *followed {
	t.Helper()
	store := quietStore()
	faults := &sample.Faults{Handler: &sample.FaasNetes{Store: store}}
	flaky, u := serveFlaky(t, "x", faults, kind, pollEvery(20*time.Millisecond), breaking(2, never), headerWithin(bounds))
	p := newProxy(t, u, serve(t, "sound", &sample.FaasNetes{Store: quietStore()}, asFaasNetes))
	p.ReorderWindow = -1
	return &followed{p, flaky, faults, store}
}

var liveWays = []struct {
	name string
	kind option
}{
	{"stream", asFaasNetes},
	{"poll", func(u *proxy.Upstream) { u.FollowMode = proxy.FollowPoll }},
}

// A follower asks though the breaker is open, for it has waits of its own; and
// what it hears counts: a success closes the breaker.
func TestFollowAsksThroughAnOpenBreaker(t *testing.T) {
	t.Parallel()
	for _, test := range liveWays {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newFollowed(t, test.kind)
			p.faults.Set(sample.Refuse(503, nil))
			for _, want := range []string{"x=status-503", "x=status-503", "x=breaker"} {
				if got := p.ask(t, "name=fn"); got.failed() != want {
					t.Fatalf("failed %q, want %q", got.failed(), want)
				}
			}
			p.faults.Set()
			f := p.follow(t, "")
			p.store.Append("fn", logged("pod", "through"))
			f.awaitText("through")
			if got := f.warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "logmux: x failed: breaker") {
				t.Errorf("warnings %q, want one of the backlog", got)
			}
			if got := p.ask(t, "name=fn"); got.failed() != "" {
				t.Errorf("failed %q, though a follower is answered", got.failed())
			}
		})
	}
}

// What a follower fails at spares the others the wait.
func TestFollowersFailuresOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for _, test := range liveWays {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newFollowed(t, test.kind)
			f := p.follow(t, "&tail=1")
			p.store.Append("fn", logged("pod", "live"))
			f.awaitText("live")
			p.faults.Set(sample.Refuse(503, nil))
			before := p.asked.Load()
			p.reset()
			// One may be under way, and the last is not yet counted.
			f.await(bounds, "further askings", func() bool { return p.asked.Load()-before >= 4 })
			if got := p.ask(t, "name=fn"); got.failed() != "x=breaker" {
				t.Errorf("failed %q, want breaker", got.failed())
			}
			p.faults.Set()
			p.store.Append("fn", logged("pod", "again"))
			f.awaitText("again")
			if got := p.ask(t, "name=fn"); got.failed() != "" {
				t.Errorf("failed %q, though a follower is answered", got.failed())
			}
			if got := f.warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "logmux: x failed: status-503") {
				t.Errorf("warnings %q, want one", got)
			}
		})
	}
}
