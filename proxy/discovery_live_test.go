package proxy_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
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

// A town is an upstream of two addresses that is followed.
type town struct {
	*testProxy
	*zone
	stores map[string]*sample.Store
	under  map[string]*sample.Recorder // what each address was asked
	ended  chan string                 // the address of each request that has ended
}

func newTown(t *testing.T, options ...option) *town {
	t.Helper()
	c := &town{zone: &zone{}, stores: map[string]*sample.Store{}, under: map[string]*sample.Recorder{}, ended: make(chan string, 1000)}
	providers := map[string]http.Handler{}
	for _, address := range []string{addr1, addr2} {
		store := new(sample.Store)
		c.stores[address] = store
		c.under[address] = &sample.Recorder{Handler: &sample.FaasNetes{Store: store}}
		providers[address] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { c.ended <- address }()
			c.under[address].ServeHTTP(w, r)
		})
	}
	c.testProxy = newProxy(t, discovered(t, "up", providers, append([]option{asFaasNetes}, options...)...))
	c.Lookup, c.LookupInterval, c.ReorderWindow = c.zone.lookup, lookups, -1
	return c
}

func (c *town) log(address, text string) {
	c.stores[address].Append("fn", logged("pod-"+address, text))
}

// awaitEnd waits until a request at the address has ended.
func (c *town) awaitEnd(t *testing.T, address string) {
	t.Helper()
	for awaits(t, c.ended, "the end of a request to "+address) != address {
	}
}

func TestFollowOfAnAddressThatComesUp(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.set(addr1)
	c.log(addr1, "backlog")
	f := c.follow(t, "")
	f.awaitText("backlog")
	if ok := f.resp.Header.Get("X-Logmux-Ok"); ok != "up" {
		t.Errorf("ok %q", ok)
	}
	c.log(addr2, "before it is known")
	c.set(addr1, addr2)
	f.awaitText("before it is known")
	c.log(addr1, "of the first")
	c.log(addr2, "of the second")
	f.awaitText("of the first")
	f.awaitText("of the second")
	if got := f.texts(); len(got) != 4 {
		t.Errorf("lines %q, want each once", got)
	}
	if w := f.warnings(); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
}

// One that goes is asked no more, and missed by nobody.
func TestFollowOfAnAddressThatGoes(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.set(addr1, addr2)
	c.FollowTimeout = 2 * time.Second
	c.log(addr1, "first")
	c.log(addr2, "second")
	f := c.follow(t, "")
	f.awaitText("first")
	f.awaitText("second")
	c.awaitEnd(t, addr2) // its backlog
	c.set(addr1)
	c.awaitEnd(t, addr2) // its follow
	asked := len(c.under[addr2].Queries())
	c.log(addr2, "of nobody")
	c.log(addr1, "later")
	f.awaitText("later")
	if failed := f.end(bounds); failed != "" {
		t.Errorf("failed %q", failed)
	}
	if got := f.texts(); !sameTexts(got, []string{"first", "second", "later"}) {
		t.Errorf("lines %q", got)
	}
	if w := f.warnings(); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	if n := len(c.under[addr2].Queries()); n > asked {
		t.Errorf("asked %d times after it was gone", n-asked)
	}
	for _, r := range awaits(t, c.reports, "the report").Results {
		if r.Configured != "up" || r.Outcome != proxy.OK {
			t.Errorf("reported %+v", r)
		}
	}
}

// One that goes and comes back goes on where it was: nothing lost, nothing twice.
func TestFollowOfAnAddressThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.set(addr1, addr2)
	c.log(addr1, "of the first")
	c.log(addr2, "backlog")
	f := c.follow(t, "")
	f.awaitText("backlog")
	c.log(addr2, "live")
	f.awaitText("live")
	c.awaitEnd(t, addr2) // its backlog
	want := []string{"of the first", "backlog", "live"}
	for _, text := range []string{"while it was gone", "while it was gone again"} {
		c.set(addr1)
		c.awaitEnd(t, addr2)
		c.log(addr2, text)
		c.set(addr1, addr2)
		f.awaitText(text)
		want = append(want, text)
	}
	c.log(addr2, "at last")
	f.awaitText("at last")
	if got, want := f.texts(), append(want, "at last"); !sameTexts(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
	if w := f.warnings(); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
}

// A follow of a name that is not known yet has its lines as soon as it is.
func TestFollowOfANameThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.Upstreams = append(c.Upstreams, serve(t, "sound", &sample.FaasNetes{Store: quietStore()}))
	c.FollowTimeout = 2 * time.Second
	f := c.follow(t, "&tail=1")
	f.awaitText("long ago")
	f.await(bounds, "warning", func() bool { return len(f.warnings()) > 0 })
	c.log(addr1, "first")
	c.set(addr1)
	f.awaitText("first")
	c.log(addr2, "second")
	c.set(addr1, addr2)
	f.awaitText("second")
	f.end(bounds)
	if w := f.warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "logmux: up failed: dial") {
		t.Errorf("warnings %q, want one", w)
	}
	if got := f.texts(); !slices.Equal(got, []string{"long ago", "first", "second"}) {
		t.Errorf("lines %q", got)
	}
}

// Addresses that hold the same logs are one source of them, whenever they came.
func TestFollowOfReplicasThatComeUp(t *testing.T) {
	t.Parallel()
	store := quietStore()
	z := &zone{}
	z.set(addr1)
	replica := func() http.Handler { return &sample.FaasNetes{Store: store} }
	p := newProxy(t,
		discovered(t, "up", map[string]http.Handler{addr1: replica(), addr2: replica()}, asFaasNetes, inGroup("eu")),
		serve(t, "other", replica(), asFaasNetes, inGroup("eu")),
	)
	p.Lookup, p.LookupInterval, p.ReorderWindow = z.lookup, lookups, 100*time.Millisecond
	f := p.follow(t, "&tail=1")
	f.awaitText("long ago")
	z.set(addr1, addr2)
	want := []string{"long ago"}
	for _, text := range []string{"one", "two", "three", "four", "five"} {
		z.awaitLookup(t)
		store.Append("fn", logged("pod", text))
		f.awaitText(text)
		want = append(want, text)
	}
	f.quiet(5 * lookups)
	if got := f.texts(); !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
}
