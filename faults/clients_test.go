//go:build linux

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// The clients of the soak. Each asks once and returns an error only for what
// logmux must not do.

// stalledFor is how long a client that stalls takes nothing: twice what logmux
// puts up with.
const stalledFor = time.Second

// A visitor is one client of the soak.
type visitor struct {
	*lab
	name   string // of a function of its own, to follow
	rng    *rand.Rand
	client *http.Client
	slow   *http.Client // its connections take little at a time
}

func newVisitor(l *lab, name string, rng *rand.Rand) *visitor {
	var dialer net.Dialer
	slowly := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(32 << 10) // it is slow without, too
		return slowConn{conn}, nil
	}
	return &visitor{
		lab: l, name: name, rng: rng,
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}},
		slow:   &http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: slowly, DisableKeepAlives: true}},
	}
}

// A slowConn reads 4 KB each millisecond at most.
type slowConn struct{ net.Conn }

func (c slowConn) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Read(p[:min(len(p), 4<<10)])
}

// ways are what a visitor may do, the more often the more of it there are here.
func (v *visitor) ways() []func(context.Context) error {
	return []func(context.Context) error{
		v.ask, v.ask, v.ask, v.ask, v.ask, v.ask, v.askSlowly, v.askSlowly, v.leave, v.stall, v.follow, v.follow,
	}
}

func (v *visitor) anySite() *site {
	return []*site{v.steady, v.swapped, v.streaming}[v.rng.IntN(3)]
}

// anyRequest is a bounded one for something of a cluster's history.
func (v *visitor) anyRequest(c *cluster) request {
	function := []string{"small", "medium", "large"}[v.rng.IntN(3)]
	lines := c.history[function].lines
	r := request{function: function, since: lines[0].at}
	if v.rng.IntN(3) == 0 {
		r.since = lines[v.rng.IntN(len(lines))].at
	}
	if v.rng.IntN(3) == 0 {
		r.tail = 1 + v.rng.IntN(500)
	}
	return r
}

func (v *visitor) ask(ctx context.Context) error       { return v.askAt(ctx, v.anySite(), v.client) }
func (v *visitor) askSlowly(ctx context.Context) error { return v.askAt(ctx, v.anySite(), v.slow) }

// askAt holds one bounded answer to the promise.
func (v *visitor) askAt(ctx context.Context, s *site, client *http.Client) error {
	r := v.anyRequest(s.cluster)
	a, err := r.ask(ctx, client, s.url)
	if err == nil {
		err = s.cluster.history[r.function].completeOrNamed(r, a)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.url(s.cluster.name), err)
	}
	v.done.checked.Add(1)
	v.done.failures.Add(int64(len(a.failed)))
	return nil
}

// leave goes in the middle of an answer.
func (v *visitor) leave(ctx context.Context) error {
	s := v.anySite()
	r := v.anyRequest(s.cluster)
	r.follow = v.rng.IntN(2) == 0
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := time.AfterFunc(time.Duration(v.rng.IntN(300))*time.Millisecond, cancel)
	defer gone.Stop()
	if resp, err := r.open(ctx, v.client, s.url); err == nil {
		io.CopyN(io.Discard, resp.Body, v.rng.Int64N(64<<10))
		resp.Body.Close()
	}
	return nil
}

// stall takes nothing of an answer until it is cut off.
func (v *visitor) stall(ctx context.Context) error {
	s := v.anySite()
	resp, err := request{function: "large"}.open(ctx, v.slow, s.url)
	if err != nil {
		return nil
	}
	time.Sleep(stalledFor)
	return resp.Body.Close()
}

// follow follows a function that logs for a while. Everything must be there in
// the end, for the wires are never broken for long.
func (v *visitor) follow(ctx context.Context) error {
	s := v.anySite()
	var logging sync.WaitGroup
	logged := make(chan struct{})
	for _, p := range s.cluster.providers {
		seed := rand.NewPCG(v.rng.Uint64(), v.rng.Uint64())
		p.log(v.name, 0, time.Now())
		defer p.store.Remove(v.name)
		logging.Go(func() { v.logSome(p, rand.New(seed)) })
	}
	go func() { logging.Wait(); close(logged) }()
	defer func() { <-logged }()

	begin := time.Now()
	r := request{function: v.name, since: begin.Add(-time.Minute), follow: true}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	resp, err := r.open(ctx, v.client, s.url)
	if err != nil {
		return fmt.Errorf("%s: %w", r.url(s.cluster.name), err)
	}
	if resp.StatusCode != http.StatusOK { // all are broken
		return resp.Body.Close()
	}
	got := record(resp)
	defer func() { leave(); <-got.ended }()
	if <-logged; v.rng.IntN(4) == 0 {
		return nil
	}
	all := hold(v.name, r.since, s.cluster.providers)
	return v.holdFollow(got, all, begin)
}

// logSome logs for a second or so.
func (v *visitor) logSome(p *provider, rng *rand.Rand) {
	for n := range 50 + rng.IntN(100) {
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		p.log(v.name, n+1, time.Now())
	}
}

// holdFollow holds what a follower has to the promise. What was logged before
// the follow may be missing of an upstream that is said to have failed.
func (v *visitor) holdFollow(got *tape, all *holdings, begin time.Time) error {
	var since []heldLine
	for _, l := range all.lines {
		if !l.at.Before(begin) {
			since = append(since, l)
		}
	}
	if !eventually(func() bool { return len(got.lacks(since)) == 0 }) {
		lacks := got.lacks(since)
		return fmt.Errorf("follow: %d of %d lines are not there within %v; the first is %s", len(lacks), len(since), patience, lacks[0].wire)
	}
	failed := got.failedUpstreams()
	err := got.onceEach(all, func(l heldLine) bool { return failed[all.upstreams[l.upstream]] && l.at.Before(begin) })
	if other := got.otherWarnings(); len(other) > 0 {
		err = errors.Join(err, fmt.Errorf("warnings: %q", other))
	}
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	v.done.checked.Add(1)
	v.done.failures.Add(int64(len(failed)))
	return nil
}
