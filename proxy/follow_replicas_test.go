package proxy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// replicas are two providers that hold the same logs.
func replicas(t *testing.T, options ...option) (store *sample.Store, a, b *flaky, upstreams []proxy.Upstream) {
	t.Helper()
	store = new(sample.Store)
	options = append([]option{asFaasd, inGroup("eu"), defaultRetry}, options...)
	a, up := serveFlaky(t, "a", &sample.Faasd{Store: store}, options...)
	upstreams = append(upstreams, up)
	b, up = serveFlaky(t, "b", &sample.Faasd{Store: store}, options...)
	return store, a, b, append(upstreams, up)
}

func TestFollowReplicas(t *testing.T) {
	t.Parallel()
	store, a, _, upstreams := replicas(t)
	p := newProxy(t, upstreams...)
	p.ReorderWindow = 200 * time.Millisecond
	var want []string
	add := func(text string, times int) {
		line := logged("i", text)
		for range times {
			store.Append("fn", line)
			want = append(want, text)
		}
	}
	add("backlog", 1)
	add("backlog twice", 2)
	f := p.follow(t, "")
	f.awaitText("backlog twice")
	add("live", 1)
	add("live twice", 2)
	f.awaitText("live twice")
	a.down()
	for i := range 20 {
		add(fmt.Sprint("one is down ", i), 1+i%2)
		time.Sleep(20 * time.Millisecond)
	}
	f.awaitText("one is down 19")
	time.Sleep(500 * time.Millisecond) // until it has failed
	a.up()
	add("both are up", 1)
	add("both are up twice", 2)
	f.awaitText("both are up twice")
	f.quiet(2 * time.Second)
	if got := f.texts(); !sameTexts(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := f.warnings(); len(got) > 0 {
		t.Errorf("warnings %q", got)
	}
}

// A member that is down from the start is told by the header alone, also where
// it is known before the other member answers.
func TestFollowReplicaThatIsDownFromTheStart(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	store := quietStore()
	late := &sample.Faults{Handler: &sample.FaasNetes{Store: store}}
	late.Set(sample.Delay(300 * time.Millisecond))
	prompt := &sample.FaasNetes{Store: store}
	for _, test := range []struct {
		name      string
		upstreams func(*testing.T) []proxy.Upstream
	}{
		{"the other is prompt", func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{at(t, "a", refusing(t), inGroup("g")), serve(t, "b", prompt, inGroup("g"))}
		}},
		{"the other is late", func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{at(t, "a", refusing(t), inGroup("g")), serve(t, "b", late, inGroup("g"))}
		}},
		{"the other is late, a third is prompt", func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{at(t, "a", refusing(t), inGroup("g")), serve(t, "b", late, inGroup("g")), serve(t, "c", prompt)}
		}},
		{"it is required, the other is late", func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{at(t, "a", refusing(t), inGroup("g"), required), serve(t, "b", late, inGroup("g")), serve(t, "c", prompt)}
		}},
	} {
		run(test.name, func(t *testing.T) {
			p := newProxy(t, test.upstreams(t)...)
			f := p.follow(t, "&since=2020-01-01T00:00:00Z")
			f.awaitText("long ago")
			f.quiet(500 * time.Millisecond)
			if got := f.warnings(); len(got) > 0 {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

// When all of a group are down, that is to be told.
func TestFollowReplicasAllDown(t *testing.T) {
	t.Parallel()
	store, a, b, upstreams := replicas(t)
	p := newProxy(t, append(upstreams, serve(t, "other", &sample.FaasNetes{Store: quietStore()}))...)
	store.Append("fn", logged("i", "backlog"))
	f := p.follow(t, "")
	f.awaitText("backlog")
	a.down()
	time.Sleep(time.Second) // it has failed, and b makes up for it
	if got := f.warnings(); len(got) > 0 {
		t.Errorf("warnings %q while one is up", got)
	}
	b.down()
	f.await(bounds, "warning", func() bool { return len(f.warnings()) > 0 })
}

// A member that was down while the other logged much has all of it to send
// again, and none of it is new.
func TestFollowReplicaCatchesUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lines int
	}{{"little", 2_000}, {"much", 25_000}} {
		t.Run(test.name, func(t *testing.T) {
			store, a, _, upstreams := replicas(t)
			p := newProxy(t, upstreams...)
			p.ReorderWindow = 50 * time.Millisecond
			store.Append("fn", logged("i", "first"))
			f := p.follow(t, "")
			f.awaitText("first")
			time.Sleep(300 * time.Millisecond)
			a.down()
			var all []sample.Line
			for i := range test.lines {
				all = append(all, logged("i", fmt.Sprint(i)))
			}
			store.Append("fn", all...)
			f.await(4*bounds, "all", func() bool { return len(f.logs()) > test.lines })
			asked := a.asked.Load()
			a.up()
			store.Append("fn", logged("i", "last"))
			f.await(4*bounds, "a again", func() bool { return a.asked.Load() > asked && slices.Contains(f.texts(), "last") })
			time.Sleep(2 * time.Second)
			seen := map[string]int{}
			twice := 0
			for _, text := range f.texts() {
				if seen[text]++; seen[text] > 1 {
					twice++
				}
			}
			if twice > 0 || len(seen) != test.lines+2 {
				t.Errorf("%d lines came twice, %d are missing", twice, test.lines+2-len(seen))
			}
		})
	}
}
