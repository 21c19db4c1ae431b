package proxy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// While a follow lasts, a dns+http upstream may get other addresses: new ones
// join it live, and those that are gone leave without a word.

var errLeft = errors.New("it is no address of the upstream any more")

// discovered reports whether the client was found by its upstream's name.
func (c *client) discovered() bool { return c.address != "" || c.unknown != nil }

// lookouts ticks when it is time to look for other addresses; never where there
// are none to look for.
func (f *follow) lookouts() (ticks <-chan time.Time, stop func()) {
	if !slices.ContainsFunc(f.followers, func(from *follower) bool { return from.discovered() }) {
		return nil, func() {}
	}
	ticker := time.NewTicker(f.lookupInterval())
	return ticker.C, ticker.Stop
}

// lookOut compares the followers with the addresses that there are.
func (f *follow) lookOut(ctx context.Context) {
	// Lines must not wait for a look-up: what it finds is seen the next time.
	f.group.Go(func() error {
		f.lookUp(ctx)
		return nil
	})
	clients := route(f.known(), f.request)
	f.followers = slices.DeleteFunc(f.followers, func(from *follower) bool {
		if !from.discovered() || slices.ContainsFunc(clients, from.sameAs) {
			return false
		}
		from.leave(errLeft)
		delete(f.states, from)
		f.left = append(f.left, from)
		return true
	})
	f.forgetLeft()
	for _, c := range clients {
		if c.discovered() && !slices.ContainsFunc(f.followers, func(from *follower) bool { return from.sameAs(c) }) {
			f.join(ctx, c)
		}
	}
}

// maxLeft is how many addresses that have left are remembered, in case they come
// back: each with what it sent.
const maxLeft = 16

func (f *follow) forgetLeft() {
	for len(f.left) > maxLeft && f.left[0].over.Load() {
		f.past = append(f.past, f.endOf(f.left[0]))
		delete(f.late, f.left[0])
		f.left = slices.Delete(f.left, 0, 1)
	}
}

func (c *client) sameAs(other *client) bool {
	return c.configured == other.configured && c.address == other.address
}

// join follows an address that has come up, from where it was left if it was
// one before.
func (f *follow) join(ctx context.Context, c *client) {
	var from *follower
	if i := slices.IndexFunc(f.left, func(from *follower) bool { return from.sameAs(c) }); i < 0 {
		// It may have logged for as long as it takes until a new address is seen
		// here: found once the last look-up is out of date, and seen the next time.
		from = newFollower(c, f.request, f)
		from.started = from.started.Add(-f.lookupValid() - 2*f.lookupInterval())
		from.base = line.Key(from.started)
	} else if from = f.left[i]; from.over.Load() {
		f.left = slices.Delete(f.left, i, i+1)
		from.comeBack(c)
	} else {
		return // it has not quite left: the next time
	}
	f.followers = append(f.followers, from)
	ctx = from.leavable(ctx)
	f.group.Go(func() error {
		defer from.over.Store(true)
		from.live(ctx)
		return nil
	})
}

// comeBack makes a follower that has left go on by what is its client now.
func (f *follower) comeBack(c *client) {
	f.client, f.result.Upstream, f.opts.Upstream = c, c.Name, c.Name
	f.tries = 0
	f.catchUp()
	f.over.Store(false)
}

// leavable is the context of a follower that may have to leave before the
// follow ends. It ends with ctx, if not before.
func (f *follower) leavable(ctx context.Context) context.Context {
	if f.discovered() {
		ctx, f.leave = context.WithCancelCause(ctx)
	}
	return ctx
}
