package proxy_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

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

// It is asked for all that it may have logged before it was seen here.
func TestFollowOfAnAddressAsksForWhatItHasLogged(t *testing.T) {
	t.Parallel()
	c := newTown(t, overlapping(-1))
	c.set(addr1)
	c.LookupInterval = 10 * lookups
	c.log(addr1, "backlog")
	f := c.follow(t, "")
	f.awaitText("backlog")
	before := time.Now()
	c.log(addr2, "just up")
	c.set(addr1, addr2)
	f.awaitText("just up")
	since, err := time.Parse(time.RFC3339, c.under[addr2].Queries()[0].Get("since"))
	if err != nil {
		t.Fatal(err)
	}
	if latest := before.Add(-2 * time.Second); since.After(latest) { // since_slack
		t.Errorf("asked since %v, want %v at the latest", since, latest)
	}
}

// A replica that is gone makes up for nobody.
func TestFollowOfAReplicaThatGoes(t *testing.T) {
	t.Parallel()
	z := &zone{}
	z.set(addr1)
	store := quietStore()
	flaky, other := serveFlaky(t, "other", &sample.FaasNetes{Store: store}, asFaasNetes, inGroup("eu"))
	p := newProxy(t, discovered(t, "up", map[string]http.Handler{
		addr1: &sample.FaasNetes{Store: store}, addr2: sample.Refuse(500, nil)(nil),
	}, asFaasNetes, inGroup("eu")), other)
	p.Lookup, p.LookupInterval, p.ReorderWindow = z.lookup, lookups, -1
	f := p.follow(t, "&tail=1")
	f.awaitText("long ago")
	z.set(addr2)  // which the other one makes up for
	for range 3 { // found, seen, asked
		z.awaitLookup(t)
	}
	flaky.down() // and now nobody does
	f.await(bounds, "warning", func() bool { return len(f.warnings()) > 0 })
	if w := f.warnings()[0]; !strings.HasPrefix(w, "logmux: other failed: dial") {
		t.Errorf("warning %q", w)
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
