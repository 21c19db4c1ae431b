package proxy

import (
	"context"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// pages takes everything from a provider that caps its answers and gives the
// oldest lines first: page by page, each from the last timestamp of the one
// before. What two pages share is passed on once.
func (a *asking) pages(ctx context.Context, from time.Time, to sink) error {
	shared := newOverlap()
	for {
		shared.begin()
		page, err := a.exchangeLines(ctx, from, a.MaxLimit, shared.suppress(to))
		if err != nil || page.Sent() < int64(a.MaxLimit) {
			return err
		}
		next := line.Time(page.Highest)
		if !from.IsZero() && !next.After(from) {
			// All of the page is of one instant, and the next would be the same page.
			a.note("lines at %s may be missing: it sends %d at most", next.Format(time.RFC3339Nano), a.MaxLimit)
			next = from.Add(1)
		}
		from = next
		shared.forget(line.Key(a.askSince(from, from)))
	}
}

// An overlap recognises lines that an upstream sends again when it is asked
// again: a counted set, for lines that are equal may both have happened. Each
// is suppressed as often as it was passed on already, and no more.
type overlap struct {
	identifier line.Identifier
	lines      map[uint64]*sent
	asked      int // how many times
}

type sent struct {
	key   int64
	times int // passed on
	seen  int // in the answer to the last asking that brought it
	asked int // which one that was
}

func newOverlap() *overlap { return &overlap{lines: map[uint64]*sent{}} }

// begin says that the lines from here on are the answer to a new asking.
func (o *overlap) begin() { o.asked++ }

// repeated reports whether the line was passed on before, and notes it.
func (o *overlap) repeated(key int64, line []byte) bool {
	id := o.identifier.Identity(key, line)
	s := o.lines[id]
	if s == nil {
		s = &sent{key: key}
		o.lines[id] = s
	}
	if s.asked != o.asked {
		s.asked, s.seen = o.asked, 0
	}
	s.seen++
	if s.seen <= s.times {
		return true
	}
	s.times++
	return false
}

// forget drops the lines below key: they will not be asked for again.
func (o *overlap) forget(key int64) {
	for id, s := range o.lines {
		if s.key < key {
			delete(o.lines, id)
		}
	}
}

// suppress passes on what is not repeated.
func (o *overlap) suppress(to sink) sink {
	return func(b *merge.Block) error {
		b.Keep(func(l merge.Line, line []byte) bool { return !o.repeated(l.Key, line) })
		return to(b)
	}
}
