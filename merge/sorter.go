package merge

import (
	"math"
	"slices"
	"sync"
)

// A Sorter collects the lines of many streams, in whatever order they come,
// and emits them in order. The zero value sorts everything in memory.
//
//	Add ──> open blocks ──prune──> the newest N        (Newest > 0)
//	             │
//	             └─closeRun──> sorted runs, in memory or in the spill file
//	                                  │
//	Emit <──────── merge ─────────────┘
//
// Add may be called from several goroutines at once. Emit comes after the last
// Add, and Close after everything.
type Sorter struct {
	// Newest is how many lines are wanted, the newest in the order. If zero, all.
	Newest int

	// Memory is how many bytes to hold before sorted runs are spilled. If
	// zero, there is no bound and nothing is ever spilled.
	Memory int64

	// Shared, if not nil, is held in common with other sorters: past its limit
	// each spills what it has.
	Shared *Budget

	// Copies, if not nil, says which lines are copies of each other.
	Copies *Copies

	// SpillDir is where the spill file is made. If empty, the system's
	// directory for temporary files.
	SpillDir string

	// SpillLimit is how large the spill file may grow, in bytes. If zero,
	// there is no bound; if negative, nothing is spilled.
	SpillLimit int64

	mu        sync.Mutex
	open      [][]*Block // by place, in order of arrival
	openLines int
	openBytes int64
	checkAt   int64 // openBytes at which prune or closeRun is due
	runs      []run // in order of arrival
	held      int64 // bytes accounted for: open and runs in memory
	floor     int64 // lines below this key are no longer wanted
	oldest    int64 // see Oldest
	spill     spillFile
	entries   []entry // reused from one sort of the open lines to the next
	scratch   []entry
	overflow  error // why nothing more can be spilled
	missing   Missing
}

// Missing says what a sorter could not keep, because it was past its memory
// and could not spill.
type Missing struct {
	Lines  int   // how many of the wanted lines are missing, copies included
	Before int64 // they are all older than this key
	Err    error // why they could not be spilled
}

const (
	// Runs of 2 MiB are sorted and copied within the processor's cache.
	maxRunBytes = 2 << 20
	// Below this a run is not worth a place in the merge.
	minRunBytes = 1 << 20
	// Between two prunings at least this much comes in.
	minPruneBytes = 2 << 20
)

// Add hands over a block of the stream at place. The sorter owns it from here.
// The blocks of one place must come in order of arrival.
func (s *Sorter) Add(place int, b *Block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	b = s.wanted(b)
	if b == nil {
		return
	}
	b.place = uint32(place)
	for place >= len(s.open) {
		s.open = append(s.open, nil)
	}
	s.open[place] = append(s.open[place], b)
	s.openLines += len(b.Lines)
	s.openBytes += b.size()
	s.account(b.size())
	if s.Shared.exceeded() && s.held >= minRunBytes {
		s.spillAll()
	} else if s.openBytes >= s.checkAt {
		s.relieve()
	}
}

// Close frees what the sorter holds, its spill file included.
func (s *Sorter) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, blocks := range s.open {
		free(blocks)
	}
	for _, r := range s.runs {
		switch r := r.(type) {
		case *packedRun:
			r.free()
		case *indexedRun:
			free(r.blocks)
		}
	}
	s.open, s.runs, s.entries, s.scratch = nil, nil, nil, nil
	s.account(-s.held)
	s.spill.close()
}

// Spilled returns how many bytes were written to the spill file so far.
func (s *Sorter) Spilled() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spill.size
}

func (s *Sorter) init() {
	if s.checkAt == 0 {
		s.floor, s.oldest = math.MinInt64, math.MinInt64
		s.schedule()
	}
}

// wanted drops the lines that cannot be sent any more and packs a block that
// is mostly empty, so that memory is held for lines alone. Nil if none is left.
func (s *Sorter) wanted(b *Block) *Block {
	if s.floor > math.MinInt64 {
		n := len(b.Lines)
		b.Lines = slices.DeleteFunc(b.Lines, func(l Line) bool { return l.Key < s.floor })
		s.missed(n - len(b.Lines))
	}
	if len(b.Lines) == 0 {
		b.Free()
		return nil
	}
	used := 0
	for _, l := range b.Lines {
		used += int(l.End - l.Start)
	}
	if used >= cap(b.Bytes)/2 {
		return b
	}
	packed := GetBlock(used)
	for i, l := range b.Lines {
		packed.append(l.Key, b.Line(i))
	}
	b.Free()
	return packed
}

// relieve makes room once the open blocks have grown to checkAt.
func (s *Sorter) relieve() {
	if n := s.keep(); n > 0 && s.openLines > n {
		s.prune(n)
	}
	switch {
	case s.overflow != nil:
		s.dropOldest()
	case s.Newest == 0 || s.openBytes > s.limit()/2:
		s.closeRun()
	}
	s.schedule()
}

// schedule says when to relieve next: a run at a time, or where few lines are
// to be kept, when there is about as much to drop.
func (s *Sorter) schedule() {
	switch {
	case s.overflow != nil:
		s.checkAt = max(s.limit()/4*3-(s.held-s.openBytes), minRunBytes/4)
	case s.Newest > 0:
		s.checkAt = min(s.openBytes+max(s.openBytes, minPruneBytes), s.limit()/4*3)
	default:
		s.checkAt = s.runBytes()
	}
}

// keep is how many lines surely hold the newest that are wanted, 0 for all: some
// may be copies.
func (s *Sorter) keep() int {
	if s.Newest == 0 || s.Copies == nil {
		return s.Newest
	}
	return s.Newest * s.Copies.most()
}

func (s *Sorter) limit() int64 {
	if s.Memory > 0 {
		return s.Memory
	}
	return math.MaxInt64
}

func (s *Sorter) runBytes() int64 {
	return max(min(s.limit()/4, maxRunBytes), minRunBytes)
}

func (s *Sorter) account(n int64) {
	s.held += n
	s.Shared.add(n)
}

// missed counts lines as missing that are dropped for want of memory; those that
// Newest leaves out were never wanted.
func (s *Sorter) missed(lines int) {
	if s.overflow != nil {
		s.missing.Lines += lines
	}
}

// append copies a line to the end of the block.
func (b *Block) append(key int64, line []byte) {
	start := uint32(len(b.Bytes))
	b.Bytes = append(b.Bytes, line...)
	b.Lines = append(b.Lines, Line{key, start, uint32(len(b.Bytes))})
}

func free(blocks []*Block) {
	for _, b := range blocks {
		b.Free()
	}
}
