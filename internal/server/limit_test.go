package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd enters a limit, each with a number, and notes how that ended.
type crowd struct {
	*limit
	t *testing.T

	mu   sync.Mutex
	in   []int // the numbers of those that were let in
	outs map[int]error
}

func newCrowd(t *testing.T, most int) *crowd {
	return &crowd{limit: &limit{max: most}, t: t, outs: map[int]error{}}
}

// come lets one after the other enter.
func (c *crowd) come(ctx context.Context, wait time.Duration, who ...int) {
	for _, n := range who {
		go func() {
			err := c.enter(ctx, wait)
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.outs[n] = err
			} else {
				c.in = append(c.in, n)
			}
		}()
		synctest.Wait()
	}
}

func (c *crowd) wants(what string, serving, waiting int, in ...int) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.in)
	s, w := c.underWay()
	if s != serving || w != waiting || !slices.Equal(c.in, in) {
		c.t.Errorf("%s: %d are served, %d wait, let in were %v; want %d, %d, %v", what, s, w, c.in, serving, waiting, in)
	}
}

func (c *crowd) refused(want error, who ...int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range who {
		if !errors.Is(c.outs[n], want) {
			c.t.Errorf("number %d: got %v, want %v", n, c.outs[n], want)
		}
	}
	if len(c.outs) != len(who) {
		c.t.Errorf("refused were %v, want %v", c.outs, who)
	}
}

func TestLimit(t *testing.T) {
	for name, test := range map[string]func(context.Context, *testing.T){
		"in the order they came": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 2)
			c.come(ctx, time.Hour, 1, 2, 3, 4, 5)
			c.wants("full", 2, 3, 1, 2)
			c.leave()
			c.wants("one left", 2, 2, 1, 2, 3)
			c.leave()
			c.wants("two left", 2, 1, 1, 2, 3, 4)
			c.leave()
			c.wants("three left", 2, 0, 1, 2, 3, 4, 5)
			c.refused(nil)
		},
		"no limit": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 0)
			c.come(ctx, 0, 1, 2, 3)
			c.wants("all", 3, 0, 1, 2, 3)
		},
		"no longer than the wait": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 1)
			start := time.Now()
			c.come(ctx, time.Hour, 1)
			c.come(ctx, time.Minute, 2)
			c.come(ctx, time.Hour, 3)
			time.Sleep(time.Minute)
			c.wants("after a minute", 1, 1, 1)
			c.refused(errBusy, 2)
			if d := time.Since(start); d != time.Minute {
				t.Errorf("refused after %v", d)
			}
			c.leave()
			c.wants("one left", 1, 0, 1, 3)
		},
		"no wait at all": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 1)
			c.come(ctx, 0, 1, 2)
			c.wants("full", 1, 0, 1)
			c.refused(errBusy, 2)
		},
		"the queue is bounded": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 1)
			c.come(ctx, time.Hour, 1, 2, 3, 4, 5, 6)
			c.wants("full", 1, 4, 1)
			c.refused(errBusy, 6)
			c.resize(0)
		},
		"one that leaves the queue": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 1)
			gone, leave := context.WithCancel(ctx)
			c.come(ctx, time.Hour, 1)
			c.come(gone, time.Hour, 2)
			c.come(ctx, time.Hour, 3)
			leave()
			c.wants("it left", 1, 1, 1)
			c.refused(context.Canceled, 2)
			c.leave()
			c.wants("it was skipped", 1, 0, 1, 3)
		},
		"a raised limit": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 1)
			c.come(ctx, time.Hour, 1, 2, 3, 4)
			c.resize(3)
			c.wants("raised", 3, 1, 1, 2, 3)
			c.resize(0)
			c.wants("lifted", 4, 0, 1, 2, 3, 4)
		},
		"a lowered limit": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 3)
			c.come(ctx, time.Hour, 1, 2, 3, 4)
			c.resize(1)
			c.wants("lowered", 3, 1, 1, 2, 3)
			c.leave()
			c.leave()
			c.wants("two left", 1, 1, 1, 2, 3)
			c.leave()
			c.wants("three left", 1, 0, 1, 2, 3, 4)
		},
		"closed": func(ctx context.Context, t *testing.T) {
			c := newCrowd(t, 1)
			c.come(ctx, time.Hour, 1, 2, 3)
			c.close()
			c.come(ctx, time.Hour, 4)
			c.wants("closed", 1, 0, 1)
			c.refused(errStopping, 2, 3, 4)
			c.leave()
			c.wants("empty", 0, 0, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t.Context(), t) })
		})
	}
}

// The end of the wait and the turn may fall together: then the turn is not lost.
func TestATurnIsNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limit{max: 1}
		if err := l.enter(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			entered := make(chan error)
			go func() { entered <- l.enter(t.Context(), time.Second) }()
			time.Sleep(time.Second) // as long as that one waits
			l.leave()
			if err := <-entered; err != nil {
				if err := l.enter(t.Context(), 0); err != nil {
					t.Fatalf("nobody is in, and %v", err)
				}
			}
		}
		if serving, waiting := l.underWay(); serving != 1 || waiting != 0 {
			t.Errorf("%d are served, %d wait", serving, waiting)
		}
	})
}

func (l *limit) underWay() (serving, waiting int) {
	now := l.load()
	return now.Serving, now.Waiting
}

func (s *Server) underWay() (serving, waiting int) { return s.limit.underWay() }
