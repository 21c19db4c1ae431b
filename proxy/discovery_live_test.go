package proxy_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

const lookups = 20 * time.Millisecond // between two

// discover runs Discover, and has ended it when the test ends.
func (p *testProxy) discover(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Discover(ctx)
	}()
	stop = func() {
		t.Helper()
		cancel()
		awaits(t, ended, "the end of Discover")
	}
	t.Cleanup(stop)
	return stop
}

// awaitLookup waits for a look-up that began after now.
func (z *zone) awaitLookup(t *testing.T) {
	t.Helper()
	before, _ := z.asked()
	deadline := time.After(bounds)
	for now := before; now <= before; now, _ = z.asked() {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("no look-up within %v", bounds)
		}
	}
}

// Addresses that come up are asked without a restart, and those that go are not.
func TestDiscover(t *testing.T) {
	z := &zone{}
	z.set(addr1)
	p := newProxy(t, discovered(t, "up", map[string]http.Handler{addr1: oneLine("first", 1), addr2: oneLine("second", 2)}))
	p.Lookup, p.LookupInterval = z.lookup, lookups
	stop := p.discover(t)
	for _, step := range []struct {
		addresses []string
		ok        string
	}{{[]string{addr1}, "up"}, {[]string{addr1, addr2}, "up/127.0.0.1,up/127.0.0.2"}, {[]string{addr2}, "up"}} {
		z.set(step.addresses...)
		z.awaitLookup(t)
		z.awaitLookup(t) // the one before may have been under way
		if got := p.ask(t, "name=fn"); got.header.Get("X-Logmux-Ok") != step.ok || got.failed() != "" {
			t.Errorf("%v: ok %q, failed %q", step.addresses, got.header.Get("X-Logmux-Ok"), got.failed())
		}
	}
	stop()
	before, _ := z.asked()
	<-time.After(5 * lookups)
	if after, _ := z.asked(); after > before {
		t.Errorf("%d look-ups after the end", after-before)
	}
}

// Who has nothing to look up is done at once.
func TestDiscoverWithoutNames(t *testing.T) {
	p := newProxy(t, serve(t, "a", answers()))
	p.Discover(t.Context())
}

// What one request looks up is there for others, for a while.
func TestLookupsAreShared(t *testing.T) {
	z := &zone{}
	z.set(addr1)
	p := newProxy(t, discovered(t, "up", map[string]http.Handler{addr1: oneLine("first", 1)}))
	p.Lookup = z.lookup
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := p.ask(t, "name=fn"); got.failed() != "" || got.status != 200 {
				t.Errorf("status %d, failed %q", got.status, got.failed())
			}
		})
	}
	all.Wait()
	if n, _ := z.asked(); n != 1 {
		t.Errorf("%d look-ups for 20 requests", n)
	}
}

// A look-up that hangs holds up nobody, once there was one that did not.
func TestLookupThatHangs(t *testing.T) {
	t.Parallel()
	z := &zone{}
	z.set(addr1)
	store := quietStore()
	p := newProxy(t, discovered(t, "up", map[string]http.Handler{addr1: &sample.FaasNetes{Store: store}}, asFaasNetes))
	p.Lookup, p.LookupInterval, p.ReorderWindow = z.lookup, lookups, -1
	stop := p.discover(t)
	f := p.follow(t, "&tail=1")
	f.awaitText("long ago")
	z.hang()
	deadline := time.After(bounds)
	for hanging := 0; hanging == 0; _, hanging = z.asked() {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatal("nothing is looked up")
		}
	}
	for until := time.Now().Add(20 * lookups); time.Now().Before(until); { // long after what was found was valid
		start := time.Now()
		got := p.ask(t, "name=fn&tail=1")
		if took := time.Since(start); took > time.Second || got.failed() != "" {
			t.Fatalf("took %v, failed %q", took, got.failed())
		}
		text := "at " + start.String()
		store.Append("fn", logged("pod", text))
		f.awaitText(text)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("a live line took %v", took)
		}
	}
	if _, hanging := z.asked(); hanging > 1 {
		t.Errorf("%d look-ups hang", hanging)
	}
	z.set(addr1) // for those that come later
	start := time.Now()
	stop()
	if took := time.Since(start); took > time.Second {
		t.Errorf("Discover ended %v after its context", took)
	}
}

// An end of Discover is no failure of the name: who asks then looks it up himself.
func TestDiscoverThatIsEndedInItsFirstLookup(t *testing.T) {
	z := &zone{}
	z.hang()
	p := newProxy(t, discovered(t, "up", map[string]http.Handler{addr1: oneLine("first", 1)}))
	p.Lookup = z.lookup
	stop := p.discover(t)
	z.awaitLookup(t)
	stop()
	z.set(addr1)
	if got := p.ask(t, "name=fn"); got.failed() != "" || got.header.Get("X-Logmux-Ok") != "up" {
		t.Errorf("failed %q: %s", got.failed(), got.body)
	}
}
