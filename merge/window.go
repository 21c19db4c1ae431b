package merge

import (
	"slices"
	"time"
)

// A Window puts live lines in order that arrive a little out of it: each waits
// at most Hold from its arrival, and when it goes, everything older goes first.
// A line that is older than one already sent goes at once. Nothing is dropped.
//
// The zero value holds nothing back. Times are the caller's: the window has no
// clock, and compares them by their monotonic reading.
type Window struct {
	// Hold is how long a line waits at most.
	Hold time.Duration

	// Memory is how many bytes may wait; past it the oldest lines go early. If
	// zero, there is no bound.
	Memory int64

	heap    []waiting
	blocks  []*arrival // in order of arrival; the first has lines that wait
	held    int64
	arrived uint64 // lines so far
	last    int64  // the highest key sent
	sent    bool   // last is set
}

// smallWindow is how many lines may wait in memory that an empty window keeps.
const smallWindow = 64

// A waiting line. The heap is ordered by key, place, then arrival.
type waiting struct {
	key   int64
	place uint32
	line  uint32
	seq   uint64
	block *arrival
}

func (w *waiting) before(o *waiting) bool {
	if w.key != o.key {
		return w.key < o.key
	}
	if w.place != o.place {
		return w.place < o.place
	}
	return w.seq < o.seq
}

// An arrival is a block of which some lines wait.
type arrival struct {
	*Block
	at      time.Time
	left    int
	highest int64 // key
}

// Add takes the lines of a block that has arrived now. The window owns it. It
// returns how many of them are older than a line already sent.
func (w *Window) Add(now time.Time, place int, b *Block) (late int64) {
	if len(b.Lines) == 0 {
		b.Free()
		return 0
	}
	a := &arrival{Block: b, at: now, left: len(b.Lines), highest: b.Lines[0].Key}
	w.blocks = append(w.blocks, a)
	w.held += b.size()
	for i, l := range b.Lines {
		a.highest = max(a.highest, l.Key)
		if w.sent && l.Key < w.last {
			late++
		}
		w.push(waiting{key: l.Key, place: uint32(place), line: uint32(i), seq: w.arrived, block: a})
		w.arrived++
	}
	return late
}

// Due calls emit with the lines that must go by now, in order. The bytes are
// valid during the call.
func (w *Window) Due(now time.Time, emit func(line []byte) error) error {
	for len(w.heap) > 0 {
		top := &w.heap[0]
		switch {
		case w.sent && top.key < w.last: // late
		case w.Memory > 0 && w.held > w.Memory: // early
		case w.expired(now) && top.key <= w.blocks[0].highest:
		default:
			return nil
		}
		if err := w.pop(emit); err != nil {
			return err
		}
	}
	return nil
}

// Flush calls emit with all lines that wait, in order.
func (w *Window) Flush(emit func(line []byte) error) error {
	for len(w.heap) > 0 {
		if err := w.pop(emit); err != nil {
			return err
		}
	}
	return nil
}

// Next is when the next line is due, as long as none is added; false if none waits.
func (w *Window) Next() (time.Time, bool) {
	if len(w.blocks) == 0 {
		return time.Time{}, false
	}
	return w.blocks[0].at.Add(w.Hold), true
}

// Held is how many bytes wait.
func (w *Window) Held() int64 { return w.held }

func (w *Window) expired(now time.Time) bool {
	return !now.Before(w.blocks[0].at.Add(w.Hold))
}

func (w *Window) push(e waiting) {
	w.heap = append(w.heap, e)
	i := len(w.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&w.heap[parent]) {
			break
		}
		w.heap[i] = w.heap[parent]
		i = parent
	}
	w.heap[i] = e
}

// pop sends the first line of the heap.
func (w *Window) pop(emit func(line []byte) error) error {
	top := w.heap[0]
	n := len(w.heap) - 1
	last := w.heap[n]
	w.heap[n] = waiting{} // or it keeps its block
	w.heap = w.heap[:n]
	if n > 0 {
		w.sink(last)
	}
	if !w.sent || top.key > w.last {
		w.last, w.sent = top.key, true
	}
	err := emit(top.block.Line(int(top.line)))
	if top.block.left--; top.block.left == 0 {
		w.release(top.block)
	}
	return err
}

// sink puts e in the place of the first entry.
func (w *Window) sink(e waiting) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(w.heap) {
			break
		}
		if right := child + 1; right < len(w.heap) && w.heap[right].before(&w.heap[child]) {
			child = right
		}
		if !w.heap[child].before(&e) {
			break
		}
		w.heap[i] = w.heap[child]
		i = child
	}
	w.heap[i] = e
}

// release frees a block, and forgets those at the front that have no lines left.
func (w *Window) release(a *arrival) {
	w.held -= a.size()
	a.Free()
	done := slices.IndexFunc(w.blocks, func(a *arrival) bool { return a.left > 0 })
	if done < 0 {
		done = len(w.blocks)
	}
	if done > 0 {
		w.blocks = slices.Delete(w.blocks, 0, done)
	}
	if len(w.heap) == 0 && cap(w.heap) > smallWindow {
		w.heap, w.blocks = nil, nil // what a burst took an idle follow need not keep
	}
}
