//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/server"
	"github.com/openfaas-logmux/logmux/merge"
	"github.com/openfaas-logmux/logmux/proxy"
	"golang.org/x/sync/errgroup"
)

// A lab is logmux in front of upstreams whose wires break all the time.
//
//	clients ──> steady, swapped ──> the cluster of unsorted upstreams
//	        ──> streaming ────────> the cluster of ordered ones
type lab struct {
	t        testing.TB
	spill    string
	budget   *merge.Budget
	stopping context.Context

	steady, swapped, streaming *site
	clusters                   []*cluster

	done tally
}

// A tally says what happened.
type tally struct {
	requests, checked, failures, faults, spilled atomic.Int64
}

// A cluster is one upstream of each kind.
type cluster struct {
	name      string
	providers []*provider
	history   map[string]*holdings // by function
}

// functions have so many lines at each upstream. The larger ones are spilled.
var functions = map[string]int{"small": 40, "medium": 400, "large": 2500}

// labCap makes the larger functions several of Loki's pages.
const labCap = 1000

func newLab(t testing.TB) *lab {
	stopping, stop := context.WithCancel(context.Background())
	l := &lab{t: t, spill: t.TempDir(), budget: &merge.Budget{Limit: 2 << 20}, stopping: stopping}
	unsorted := newCluster(t, "u", kinds(labCap))
	var ordered []kind
	for _, k := range kinds(labCap) {
		ordered = append(ordered, k.ordered())
	}
	l.clusters = []*cluster{unsorted, newCluster(t, "o", ordered)}
	l.steady = l.open(unsorted)
	l.swapped = l.open(unsorted)
	l.streaming = l.open(l.clusters[1])
	t.Cleanup(stop) // the first to be called
	return l
}

func newCluster(t testing.TB, name string, kinds []kind) *cluster {
	c := &cluster{name: name, history: map[string]*holdings{}}
	for _, k := range kinds {
		c.providers = append(c.providers, startProvider(t, name+"-"+k.name, k))
	}
	since := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	for function, n := range functions {
		for _, p := range c.providers {
			p.history(function, n, since)
		}
		c.history[function] = hold(function, since, c.providers)
	}
	return c
}

// handler is a new one for a cluster, with little of everything.
func (l *lab) handler(c *cluster) *proxy.Handler {
	h := &proxy.Handler{
		Timeout:        2 * time.Second,
		BacklogTimeout: time.Second,
		ReorderWindow:  100 * time.Millisecond,
		Keepalive:      100 * time.Millisecond,
		Stopping:       l.stopping,
		WriteTimeout:   stalledFor / 2,
		MemoryLimit:    128 << 10,
		Shared:         l.budget,
		SpillDir:       l.spill,
		Ended:          func(r proxy.Report) { l.done.spilled.Add(r.Spilled) },
	}
	for _, p := range c.providers {
		u := p.upstream()
		impatient(&u)
		u.Retry.Max = 2
		u.Breaker = proxy.Breaker{Failures: 3, OpenFor: 200 * time.Millisecond}
		h.Upstreams = append(h.Upstreams, u)
	}
	return h
}

// A site is a server whose handler can be replaced by another.
type site struct {
	*server.Server
	cluster *cluster
	url     string
	current *proxy.Handler
}

func (l *lab) open(c *cluster) *site {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	s := &site{
		Server:  &server.Server{Logger: slog.New(slog.DiscardHandler)},
		cluster: c,
		url:     "http://" + listener.Addr().String(),
	}
	l.swap(s)
	ctx, stop := context.WithCancel(context.Background())
	var running errgroup.Group
	running.Go(func() error { return s.Run(ctx, listener) })
	l.t.Cleanup(func() {
		stop()
		if err := running.Wait(); err != nil {
			l.t.Error(err)
		}
	})
	return s
}

// swap puts another handler in, as a reload of the config does.
func (l *lab) swap(s *site) {
	h := l.handler(s.cluster)
	s.current = h
	s.Swap(&server.Site{
		Logs:            h,
		WriteTimeout:    stalledFor / 2,
		ShutdownTimeout: patience,
		Close:           h.CloseIdleConnections,
	})
}

// breakWires strikes one wire of a cluster after the other, until ctx is done.
func (l *lab) breakWires(ctx context.Context, rng *rand.Rand, w *wire) {
	defer w.heal()
	for among(ctx, rng, 50*time.Millisecond, 400*time.Millisecond) {
		all := faults(rng.IntN(64 << 10))
		all[rng.IntN(len(all))].strike(w)
		l.done.faults.Add(1)
		if !among(ctx, rng, 20*time.Millisecond, 400*time.Millisecond) {
			return
		}
		w.heal()
	}
}

// swaps replaces the handler of a site now and then, until ctx is done.
func (l *lab) swaps(ctx context.Context, rng *rand.Rand, s *site) {
	for among(ctx, rng, 100*time.Millisecond, 700*time.Millisecond) {
		l.swap(s)
	}
}

// among waits for a random time. It reports false when ctx is done before.
func among(ctx context.Context, rng *rand.Rand, least, most time.Duration) bool {
	timer := time.NewTimer(least + time.Duration(rng.Int64N(int64(most-least))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// idle closes the connections that nobody uses, and measures what is left.
func (l *lab) idle(clients ...*http.Client) level {
	for _, c := range clients {
		c.CloseIdleConnections()
	}
	for _, s := range []*site{l.steady, l.swapped, l.streaming} {
		s.current.CloseIdleConnections()
	}
	return rest()
}

// tidy checks that nothing is held for requests when there are none.
func (l *lab) tidy() error {
	if used := l.budget.Used(); used != 0 {
		return fmt.Errorf("%d bytes of the shared memory are still taken", used)
	}
	spilled, err := os.ReadDir(l.spill)
	if err != nil || len(spilled) > 0 {
		return fmt.Errorf("left over in spill_dir: %v (%v)", spilled, err)
	}
	for _, c := range l.clusters {
		for _, p := range c.providers {
			if n := p.wire.connections(); n > 0 {
				return fmt.Errorf("%d connections to %s are still open", n, p.name)
			}
		}
	}
	return nil
}
