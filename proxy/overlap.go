package proxy

import (
	"math"
	"slices"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// An overlap recognises lines that an upstream sends again when it is asked
// again: a counted set, for lines that are equal may both have happened. Each
// is suppressed as often as it was passed on already, and no more.
//
// It remembers hashes, and of those only the newest in bounded memory: what is
// older than it remembers is taken for a repetition when it is brought by a
// further asking.
type overlap struct {
	lines map[uint64]sent // by merge.Block's ID; nil until there is one
	asked uint32          // how many times

	known int64 // every line passed on from this key on is remembered
	floor int64 // known, when the current asking began
	tidy  int   // the size at which to look for what can be forgotten

	suppressed, replayed int64 // lines, for the metrics
}

// sent is how often a line was passed on, and seen in the current asking.
type sent struct {
	key   int64
	asked uint32 // the asking that saw it last
	times uint16
	seen  uint16
}

const (
	// As many as a map of 4 MiB surely holds.
	maxRemembered = 50_000
	minTidy       = 1_000
)

func newOverlap() *overlap {
	return &overlap{known: math.MinInt64, floor: math.MinInt64, tidy: minTidy}
}

// begin says that the lines from here on are the answer to a new asking.
func (o *overlap) begin() {
	o.asked++
	o.floor = o.known
}

// repeated reports whether the line was passed on before, and remembers it.
func (o *overlap) repeated(key int64, id uint64) bool {
	if key < o.floor {
		o.replayed++
		return true
	}
	if o.lines == nil {
		o.lines = make(map[uint64]sent)
	}
	s := o.lines[id]
	if s.asked != o.asked {
		s.asked, s.seen = o.asked, 0
	}
	s.key = key
	if s.seen == math.MaxUint16 {
		return false // nobody counts that far: rather twice than never
	}
	s.seen++
	repeated := s.seen <= s.times
	if repeated {
		o.suppressed++
	} else {
		s.times++
	}
	o.lines[id] = s
	return repeated
}

// forget drops the lines below key: no asking will bring them again. It costs
// little when called often.
func (o *overlap) forget(key int64) {
	if len(o.lines) < o.tidy {
		return
	}
	if key > math.MinInt64 {
		o.dropTo(key-1, func(sent) bool { return true })
	}
	// Past the bound those go first that only the current asking has brought:
	// it may still repeat the others.
	current := func(s sent) bool { return s.asked == o.asked && s.times == s.seen }
	for _, which := range []func(sent) bool{current, func(sent) bool { return true }} {
		for len(o.lines) > maxRemembered/2 {
			median, ok := o.median(which)
			if !ok {
				break
			}
			o.dropTo(median, which)
		}
	}
	o.tidy = max(2*len(o.lines), minTidy)
}

// dropTo drops the lines up to and with key.
func (o *overlap) dropTo(key int64, which func(sent) bool) {
	for id, s := range o.lines {
		if s.key <= key && which(s) {
			delete(o.lines, id)
		}
	}
	// From a time in the future on nothing is known to be missing: what says so is
	// the clock of one instance, and the others are yet to come there.
	if known := min(key, math.MaxInt64-1, line.Key(time.Now())) + 1; known > o.known {
		o.known = known
	}
}

// median is a key at which about half of those lines are or below, by a sample.
func (o *overlap) median(which func(sent) bool) (key int64, ok bool) {
	var sample []int64
	for _, s := range o.lines { // in random order
		if which(s) {
			sample = append(sample, s.key)
		}
		if len(sample) == 101 {
			break
		}
	}
	if len(sample) == 0 {
		return 0, false
	}
	slices.Sort(sample)
	return sample[len(sample)/2], true
}

// suppress passes on what is not repeated, of blocks with IDs.
func (o *overlap) suppress(to sink) sink {
	return func(b *merge.Block) error {
		b.Keep(func(i int) bool { return !o.repeated(b.Lines[i].Key, b.IDs[i]) })
		return to(b)
	}
}
