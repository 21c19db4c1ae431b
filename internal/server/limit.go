package server

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// A limit lets so many log requests in at once. More of them wait, and go in
// in the order they came. The zero limit lets in any number.
type limit struct {
	mu      sync.Mutex
	max     int // zero: any number
	serving int
	waiting list.List // of chan error, which has room for one: how the wait ended
	refused int64     // for errBusy
	closed  bool
}

// queueFactor is how many may wait for each one that is served: enough for a
// burst, and not so many that the last have no hope to be served in time.
const queueFactor = 4

var (
	errBusy     = errors.New("too many log requests at once")
	errStopping = errors.New("logmux is shutting down")
)

// enter lets one in, which must leave again, unless it returns an error: errBusy
// if its turn did not come within wait or too many wait already, errStopping
// once the limit is closed, or ctx's.
func (l *limit) enter(ctx context.Context, wait time.Duration) error {
	place, err := l.arrive(wait)
	if place == nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err = <-place.Value.(chan error):
		return err
	case <-timer.C:
		return l.giveUp(place, errBusy)
	case <-ctx.Done():
		return l.giveUp(place, ctx.Err())
	}
}

// arrive lets one in or refuses it, or returns its place in the queue.
func (l *limit) arrive(wait time.Duration) (place *list.Element, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errStopping
	case l.free(): // then nobody waits
		l.serving++
		return nil, nil
	case wait <= 0 || l.waiting.Len() >= queueFactor*l.max:
		l.refused++
		return nil, errBusy
	}
	return l.waiting.PushBack(make(chan error, 1)), nil
}

// giveUp leaves the queue because of why, unless the wait ended just now.
func (l *limit) giveUp(place *list.Element, why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case err := <-place.Value.(chan error):
		return err
	default:
		l.waiting.Remove(place)
		if why == errBusy {
			l.refused++
		}
		return why
	}
}

func (l *limit) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serving--
	l.admit()
}

// resize changes how many are let in. Those that are in stay.
func (l *limit) resize(most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = most
	l.admit()
}

// close refuses everyone who waits and whoever comes.
func (l *limit) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for l.waiting.Len() > 0 {
		l.next() <- errStopping
	}
}

func (l *limit) load() Load {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Load{l.serving, l.waiting.Len(), l.refused}
}

func (l *limit) free() bool { return l.max <= 0 || l.serving < l.max }

// admit lets in as many of those that wait as there is room for.
func (l *limit) admit() {
	for l.waiting.Len() > 0 && l.free() {
		l.serving++
		l.next() <- nil
	}
}

// next takes the first one out of the queue.
func (l *limit) next() chan error { return l.waiting.Remove(l.waiting.Front()).(chan error) }
