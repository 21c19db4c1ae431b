//go:build linux

package faults_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
)

const (
	recent    = 20      // lines before the follow
	liveBytes = 2 << 10 // of an upstream's live lines, then the middle is reached
	logsEach  = 10 * time.Millisecond
	struckFor = 300 * time.Millisecond
)

// A following is a rig that is followed while its upstreams log.
type following struct {
	*rig
	*tape
	t    *testing.T
	stop context.CancelFunc // of the handler, which ends the follow

	begin time.Time // before the follow was asked for
	live  time.Time // after the backlog was there

	hush func() // ends the logging

	mu   sync.Mutex
	told []failure        // by the handler
	late map[string]int64 // lines by upstream, as the handler counts them
}

// newFollowing lays out the rig; nothing is served yet.
func newFollowing(t *testing.T, broken int, f fault) *following {
	r := newRig(t, mode{}, broken, recent)
	r.request.follow = true
	if f.reasons == nil {
		r.Upstreams[broken].Retry.Max = 20
	}
	g := &following{rig: r, t: t, late: map[string]int64{}}
	stopping, stop := context.WithCancel(context.Background())
	g.stop = stop
	r.Stopping = stopping
	r.ReorderWindow = 200 * time.Millisecond
	r.Keepalive = 100 * time.Millisecond
	r.Failing = func(_ proxy.Request, failed proxy.Result) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.told = append(g.told, failure{failed.Upstream, string(failed.Failure.Reason)})
	}
	r.Ended = func(report proxy.Report) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, result := range report.Results {
			g.late[result.Upstream] = result.Late
		}
	}
	return g
}

// start serves, logs and follows.
func (g *following) start() {
	g.serve(g.t)
	g.log()
	g.begin = time.Now()
	ctx, leave := context.WithTimeout(context.Background(), 3*patience)
	g.t.Cleanup(leave)
	resp, err := g.request.open(ctx, g.client, g.front)
	if err != nil {
		g.t.Fatal(err)
	}
	g.tape = record(resp)
}

// log lets all upstreams log, until hush is called or the test ends.
func (g *following) log() {
	var logging sync.WaitGroup
	quiet := make(chan struct{})
	g.hush = sync.OnceFunc(func() {
		close(quiet)
		logging.Wait()
	})
	g.t.Cleanup(g.hush)
	for _, p := range g.providers {
		logging.Go(func() {
			for n := recent; ; n++ {
				p.log("fn", n, time.Now())
				select {
				case <-time.After(logsEach):
				case <-quiet:
					return
				}
			}
		})
	}
}

// await waits for lines.
func (g *following) await(lines []heldLine) {
	g.t.Helper()
	if !eventually(func() bool { return len(g.lacks(lines)) == 0 }) {
		lacks := g.lacks(lines)
		g.t.Fatalf("%d of %d lines are not there within %v; the first is %s", len(lacks), len(lines), patience, lacks[0].wire)
	}
}

// endure lets a fault that has struck have its effect.
func (g *following) endure(f fault, failuresBefore int) {
	g.t.Helper()
	time.Sleep(struckFor)
	if f.stays && !eventually(func() bool { return g.failed() > failuresBefore }) {
		g.t.Fatalf("no warning within %v", patience)
	}
}

// heal mends the wire, and waits until the upstream's lines are there again.
func (g *following) heal() {
	g.t.Helper()
	g.broken.wire.heal()
	since := time.Now()
	if !eventually(func() bool { return len(g.broken.held("fn", since)) > 0 }) {
		g.t.Fatal("nothing is logged")
	}
	g.await(hold("fn", since, g.providers).lines)
	if g.live.IsZero() {
		g.live = time.Now()
	}
}

// finish ends the logging and then the follow, and returns all that was logged.
func (g *following) finish() *holdings {
	g.t.Helper()
	g.hush()
	all := hold("fn", g.request.since, g.providers)
	last := all.lines[len(all.lines)-recent:]
	g.await(last)
	g.stop()
	select {
	case <-g.ended:
	case <-time.After(patience):
		g.t.Fatal("the follow does not end")
	}
	return all
}

// holdTo holds what was received to the promise.
func (g *following) holdTo(all *holdings, mayMiss func(heldLine) bool) {
	g.t.Helper()
	if g.err != nil {
		g.t.Error(g.err)
	}
	if err := g.onceEach(all, mayMiss); err != nil {
		g.t.Error(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	backlog := func(l heldLine) bool { return l.at.Before(g.begin) && all.upstreams[l.upstream] != g.broken.name }
	if disorder := g.disorder(all, backlog); len(disorder) > 0 {
		g.t.Errorf("lines of the backlog out of order: %v", disorder)
	}
	// A line may wait for the machine longer than others wait for it.
	live := func(l heldLine) bool { return !l.at.Before(g.live) }
	for upstream, n := range g.disorder(all, live) {
		if n > g.late[upstream] {
			g.t.Errorf("%s has %d lines out of order, %d by the handler", upstream, n, g.late[upstream])
		}
	}
	if !slices.Equal(g.failures, g.told) {
		g.t.Errorf("warnings: %v, the handler: %v", g.failures, g.told)
	}
	for _, f := range g.failures {
		if f.upstream != g.broken.name {
			g.t.Errorf("%v, which is not broken", f)
		}
	}
	for upstream, reason := range g.trailer {
		if !slices.Contains(g.failures, failure{upstream, reason}) {
			g.t.Errorf("%s=%s in the trailer, warnings: %v", upstream, reason, g.failures)
		}
	}
	if len(g.other) > 0 {
		g.t.Errorf("warnings: %q", g.other)
	}
}
