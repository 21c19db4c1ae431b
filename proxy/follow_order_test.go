package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// Lines that arrive within the reorder window are in order, and none waits longer.
func TestFollowOrder(t *testing.T) { // not parallel: it is about time
	const (
		window = 800 * time.Millisecond
		poll   = 100 * time.Millisecond
		slack  = 1200 * time.Millisecond // for a busy machine
	)
	lags := map[string]time.Duration{"netes-1": 200 * time.Millisecond, "netes-2": 2 * time.Second}
	f := newFleet(t, 7, func(u *proxy.Upstream) { asLoki(u); u.PollInterval = poll }, lags, 0)
	for i := range f.stores {
		f.log(i, 0, 1)
	}
	p := newProxy(t, f.upstreams...)
	p.ReorderWindow = window
	following := p.follow(t, "")
	following.await(bounds, "backlog", func() bool { return len(following.logs()) == f.lines })
	backlog := f.lines
	time.Sleep(300 * time.Millisecond) // until all are live
	rng := rand.New(rand.NewPCG(7, 7))
	for range 1000 {
		f.log(rng.IntN(4), rng.IntN(3), 1)
		time.Sleep(2 * time.Millisecond)
	}
	following.await(bounds, "all", func() bool { return len(following.logs()) >= f.lines })
	logs := following.logs()
	f.check(logs)
	var highest time.Time
	late := 0
	for _, l := range logs {
		lag := lags[l.Instance]
		if l.Timestamp.Before(highest) {
			late++
			if lag < window {
				t.Errorf("%s of %s is out of order by %v", l.Text, l.Instance, highest.Sub(l.Timestamp))
			}
		} else {
			highest = l.Timestamp
		}
	}
	for _, l := range logs[backlog:] {
		if took, most := l.at.Sub(l.Timestamp), lags[l.Instance]+window+poll+slack; took > most {
			t.Errorf("%s of %s took %v, want %v at most", l.Text, l.Instance, took, most)
		}
	}
	if late == 0 {
		t.Error("no line was late: the test shows nothing")
	}
}

// Nobody waits for an upstream that is quiet, slow or away.
func TestFollowDoesNotWaitForOthers(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	const window = 200 * time.Millisecond
	for _, test := range []struct {
		name        string
		window      time.Duration
		others      func(t *testing.T) []proxy.Upstream
		least, most time.Duration
	}{
		{"of none", window, func(*testing.T) []proxy.Upstream { return nil }, window, window},
		{"a quiet one", window, func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{serve(t, "quiet", &sample.FaasNetes{Store: quietStore()}, asFaasNetes)}
		}, window, window},
		{"a failing one", window, func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{at(t, "away", refusing(t))}
		}, window, window},
		{"one that hangs", window, func(t *testing.T) []proxy.Upstream {
			hangs := &sample.Faults{Handler: &sample.FaasNetes{Store: quietStore()}}
			hangs.Set(sample.HangBeforeHeader())
			return []proxy.Upstream{serve(t, "hangs", hangs)}
		}, window, window},
		{"no window", -1, func(t *testing.T) []proxy.Upstream {
			return []proxy.Upstream{serve(t, "quiet", &sample.FaasNetes{Store: quietStore()}, asFaasNetes)}
		}, 0, 0},
	} {
		run(test.name, func(t *testing.T) {
			store := quietStore()
			p := newProxy(t, append(test.others(t), serve(t, "a", &sample.FaasNetes{Store: store}, asFaasNetes))...)
			p.ReorderWindow = test.window
			p.BacklogTimeout = 100 * time.Millisecond
			f := p.follow(t, "&tail=1")
			f.awaitText("long ago")
			f.waitsFor(store, test.least, test.most)
		})
	}
}

// waitsFor logs a few lines and holds how long they take.
func (f *following) waitsFor(store *sample.Store, least, most time.Duration) {
	f.t.Helper()
	const slack = 700 * time.Millisecond
	time.Sleep(100 * time.Millisecond)
	for i := range 5 {
		text := fmt.Sprint("line ", i)
		line := logged("pod", text)
		start := time.Now()
		store.Append("fn", line)
		f.awaitText(text)
		if took := time.Since(start); took < least || took > most+slack {
			f.t.Errorf("%s took %v, want %v to %v", text, took, least, most)
		}
	}
}

func TestFollowOfOneOrderedUpstreamDoesNotWait(t *testing.T) {
	t.Parallel()
	store := quietStore()
	p := newProxy(t, serve(t, "a", &sample.Faasd{Store: store}, asFaasd))
	p.ReorderWindow = 5 * time.Second
	f := p.follow(t, "&since=2020-01-01T00:00:00Z")
	f.awaitText("long ago")
	f.waitsFor(store, 0, 0)
}
