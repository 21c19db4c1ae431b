package proxy

import (
	"context"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// maxBisections bounds the exchanges that one tail may cost.
const maxBisections = 10

// newestOfOldest takes the newest lines from a provider that gives the oldest
// of a window: it looks for a start from which the answer is whole, that is
// shorter than its limit, and has as many lines as are wanted.
//
//	time ──> ├───── full answer ─────┤ edge
//	                                        start ├── whole answer ──┤ now
//
// Behind the edge of a full answer may be anything, so the next start is
// between the edge and that of the whole answer so far. Where that turns out to
// be whole as well, the lines that are wanted may stand close behind the edge,
// in a burst that halving would take long to find: then the edge is next. Once a
// full answer's edge reaches the whole one's start, the two together are whole.
func (a *asking) newestOfOldest(ctx context.Context, from time.Time, to sink) error {
	b := bisection{asking: a, limit: a.fullAnswer()}
	defer b.free()
	for range maxBisections {
		if err := b.ask(ctx, from); err != nil {
			b.give(to) // what there is
			return err
		}
		if b.done {
			return b.give(to)
		}
		from = b.between()
	}
	a.note("of the newest %d lines only %d are here: %d requests found no window with fewer than %d",
		a.Tail, b.lines, maxBisections, b.limit)
	return b.give(to)
}

// fullAnswer is the limit of each exchange. It is above what is wanted, or a
// window that has enough could not be told from one that has too much.
func (a *asking) fullAnswer() int {
	if a.MaxLimit > 0 {
		return a.MaxLimit
	}
	return max(4*a.Tail, 1000)
}

// A bisection holds the last full answer and the whole one.
type bisection struct {
	*asking
	limit int
	done  bool

	whole []*merge.Block // every line from start on
	lines int64          // in whole, of those that are wanted
	last  bool           // the last answer was a whole one
	start time.Time      // zero if there was no whole answer yet

	full        []*merge.Block
	begin, edge time.Time // of its first and last line; zero if there was no full answer yet
}

// ask takes the answer for one start.
func (b *bisection) ask(ctx context.Context, from time.Time) error {
	var answer []*merge.Block
	stats, err := b.exchangeLines(ctx, b.early(from), b.limit, func(block *merge.Block) error {
		answer = append(answer, block)
		return nil
	})
	if err != nil {
		if len(b.full) > 0 {
			// Both hold the line at the edge.
			keep(answer, func(l merge.Line) bool { return l.Key > line.Key(b.edge) })
		}
		b.full = append(b.full, answer...)
		return err
	}
	first := b.edge.IsZero()
	if b.last = stats.Sent() < int64(b.limit); b.last {
		freeAll(b.whole)
		b.whole, b.lines, b.start = answer, stats.Lines, from
		// Providers that round may have begun before the start.
		b.lines -= keep(b.whole, func(l merge.Line) bool { return from.IsZero() || l.Key >= line.Key(from) })
		b.done = first || b.lines >= int64(b.Tail)
	} else {
		freeAll(b.full)
		b.full, b.begin, b.edge = answer, line.Time(stats.Lowest), line.Time(stats.Highest)
	}
	if !b.done && !b.start.IsZero() && !b.edge.Before(b.start) {
		b.join()
	}
	return nil
}

// between is the next start to try.
func (b *bisection) between() time.Time {
	end := b.start
	switch {
	case b.last:
		return b.edge
	case end.IsZero() && b.edge.Before(time.Now()):
		end = time.Now()
	case end.IsZero(): // its clock is ahead of ours: what is known, once more
		end = b.edge.Add(2*b.edge.Sub(b.begin) + time.Second)
	}
	return b.edge.Add(end.Sub(b.edge) / 2)
}

// join puts what the full answer has before the whole one's start to the latter.
func (b *bisection) join() {
	keep(b.full, func(l merge.Line) bool { return l.Key < line.Key(b.start) })
	b.whole, b.full = append(b.full, b.whole...), nil
	b.done = true
}

// give hands over the whole answer, or the full one where there is nothing else.
func (b *bisection) give(to sink) error {
	blocks := b.whole
	b.whole = nil
	if len(blocks) == 0 {
		blocks, b.full = b.full, nil
	}
	for i, block := range blocks {
		if len(block.Lines) == 0 {
			block.Free()
			continue
		}
		if err := to(block); err != nil {
			freeAll(blocks[i+1:])
			return err
		}
	}
	return nil
}

func (b *bisection) free() {
	freeAll(b.whole)
	freeAll(b.full)
}

func freeAll(blocks []*merge.Block) {
	for _, b := range blocks {
		b.Free()
	}
}

// keep leaves only the lines in the blocks that pass, and counts the others.
func keep(blocks []*merge.Block, pass func(merge.Line) bool) (dropped int64) {
	for _, b := range blocks {
		dropped += int64(b.Keep(func(i int) bool { return pass(b.Lines[i]) }))
	}
	return dropped
}
