//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	followersFull = 1000
	burstLines    = 64_000 / meanLine // of each stream: 64 KB
	idleFor       = 30 * time.Second  // two of logmux's keepalives, whenever they began
)

// followersIdle opens many follows of 4 silent upstreams, measures, lets 64 KB
// come through each upstream's stream, and measures again.
func followersIdle(ctx context.Context, s *session) ([]Row, error) {
	n := s.scaled(followersFull, 20)
	provided, err := s.providers(ctx, Providers{Upstreams: 4, Live: Live{Kind: "burst", Lines: burstLines}})
	if err != nil {
		return nil, err
	}
	logmux, err := s.logmux(ctx, Config{}, provided.URLs)
	if err != nil {
		return nil, err
	}
	pid := logmux.proc.pid()
	empty, err := status(pid, "VmRSS")
	if err != nil {
		return nil, err
	}
	followers := &crowd{}
	defer followers.leave()
	s.progress(fmt.Sprintf("%d followers", n))
	if err := followers.join(ctx, logmux.url+followQuery, n, provided.URLs); err != nil {
		return nil, logmux.proc.explain(err)
	}
	idle, share, err := s.idle(ctx, pid)
	if err != nil {
		return nil, err
	}
	if err := followers.burst(ctx, provided.URLs[0], int64(n*4*burstLines)); err != nil {
		return nil, logmux.proc.explain(err)
	}
	after, _, err := s.idle(ctx, pid)
	if err != nil {
		return nil, err
	}
	each := func(rss int64) float64 { return float64(rss-empty) / float64(n) / 1e3 }
	return []Row{
		newRow("RSS per idle follower", each(idle), kilobytes(180, 100), "%.0f MB of %d", float64(idle)/1e6, n),
		newRow("RSS after 64 KB each", each(after), kilobytes(260, 130), "%.0f MB of %d", float64(after)/1e6, n),
		newRow("idle CPU", share*100*followersFull/float64(n), Goal{Must: 5, Aim: 1, Unit: " %"},
			"of a core, for %d followers, over %v", followersFull, idleFor),
	}, nil
}

// idle waits for idleFor and returns the memory in the end and the share of a
// core that was used meanwhile.
func (s *session) idle(ctx context.Context, pid int) (rss int64, share float64, err error) {
	settle := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	s.progress(fmt.Sprintf("idle for %v", idleFor))
	settle(2 * time.Second) // the last of what went before
	before, err := cpuTime(pid)
	if err != nil {
		return 0, 0, err
	}
	settle(idleFor)
	after, err := cpuTime(pid)
	if err != nil {
		return 0, 0, err
	}
	rss, err = status(pid, "VmRSS")
	return rss, float64(after-before) / float64(idleFor), err
}

// A crowd is a number of followers that count their lines.
type crowd struct {
	cancel  context.CancelFunc
	readers sync.WaitGroup
	lines   atomic.Int64
	failed  atomic.Pointer[error] // the first
}

// join lets n followers ask, and waits until each has its streams.
func (c *crowd) join(ctx context.Context, url string, n int, providers []string) error {
	ctx, c.cancel = context.WithCancel(ctx)
	atOnce := make(chan struct{}, 16)
	for range n {
		atOnce <- struct{}{}
		c.readers.Go(func() { c.follow(ctx, url, func() { <-atOnce }) })
	}
	return c.until(ctx, "all streams", func() (bool, error) {
		open, err := control(providers[0], "/following")
		if err != nil {
			return false, err
		}
		streams, err := strconv.Atoi(open)
		return streams >= n*len(providers), err
	})
}

func (c *crowd) follow(ctx context.Context, url string, answered func()) {
	client := newClient(0)
	defer client.CloseIdleConnections()
	response, err := ask(ctx, client, url)
	answered()
	if err != nil {
		c.fail(err)
		return
	}
	defer response.Body.Close()
	buffer := make([]byte, 4<<10)
	partial := false // the block before this one ended within a line
	for {
		n, err := response.Body.Read(buffer)
		c.lines.Add(lineEnds(buffer[:n], &partial))
		if err != nil {
			c.fail(fmt.Errorf("a follow ended: %w", err))
			return
		}
	}
}

// lineEnds counts the lines that end in a block, but for blank ones: those
// keep a follow alive.
func lineEnds(block []byte, partial *bool) (n int64) {
	for {
		end := bytes.IndexByte(block, '\n')
		if end < 0 {
			*partial = *partial || len(block) > 0
			return n
		}
		if end > 0 || *partial {
			n++
		}
		*partial, block = false, block[end+1:]
	}
}

func (c *crowd) fail(err error) { c.failed.CompareAndSwap(nil, &err) }

// burst makes every stream send its lines, and waits until all have come.
func (c *crowd) burst(ctx context.Context, provider string, lines int64) error {
	if _, err := control(provider, "/burst"); err != nil {
		return err
	}
	err := c.until(ctx, "the burst", func() (bool, error) { return c.lines.Load() >= lines, nil })
	if got := c.lines.Load(); got != lines {
		return mismatch{fmt.Errorf("%d lines, want %d (%v)", got, lines, err)}
	}
	return err
}

func (c *crowd) until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if failed := c.failed.Load(); failed != nil {
			return *failed
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *crowd) leave() {
	if c.cancel != nil {
		c.cancel()
	}
	c.readers.Wait()
}
