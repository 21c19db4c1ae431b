package merge

import (
	"math"
	"slices"
	"sort"
)

// prune keeps the newest n of the open lines, packed, and raises the floor to
// the oldest of them: what is older need not be looked at again.
func (s *Sorter) prune(n int) {
	blocks, entries := s.sortOpen()
	if s.Copies != nil && s.overflow == nil && n > 0 {
		// Which of a line's copies is the one that counts is known only with all of its key.
		n = len(entries) - below(entries, entries[len(entries)-n].key)
	}
	kept := entries[len(entries)-n:]
	s.missed(len(entries) - n)
	if n > 0 {
		s.floor = max(s.floor, kept[0].key)
	}
	packed := pack(blocks, kept)
	free(blocks)
	s.clearOpen()
	for _, b := range packed {
		s.open[b.place] = append(s.open[b.place], b)
		s.openLines += len(b.Lines)
		s.openBytes += b.size()
	}
	s.account(s.openBytes)
}

// pack copies the lines of entries to blocks that hold nothing else, and makes
// the entries point there. Each place gets one block, in order of place, so
// that lines of equal keys stay in order the next time they are sorted.
func pack(blocks []*Block, entries []entry) []*Block {
	size := map[uint32]int{}
	for _, e := range entries {
		l := blocks[e.block].Lines[e.line]
		size[blocks[e.block].place] += int(l.End - l.Start)
	}
	packed := make([]*Block, 0, len(size))
	at := map[uint32]uint32{}
	for _, b := range blocks { // in order of place
		if _, done := at[b.place]; !done && size[b.place] > 0 {
			at[b.place] = uint32(len(packed))
			p := GetBlock(size[b.place])
			p.place = b.place
			packed = append(packed, p)
		}
	}
	for i, e := range entries {
		b := blocks[e.block]
		to := at[b.place]
		packed[to].append(e.key, b.Line(int(e.line)))
		entries[i].block, entries[i].line = to, uint32(len(packed[to].Lines)-1)
	}
	return packed
}

// sortOpen sorts the open lines and leaves them open. The entries are valid
// until the next call, or the caller takes them from s.entries.
func (s *Sorter) sortOpen() ([]*Block, []entry) {
	blocks := slices.Concat(s.open...)
	entries := slices.Grow(s.entries[:0], s.openLines)
	for i, b := range blocks {
		for j := range b.Lines {
			entries = append(entries, entry{b.Lines[j].Key, uint32(i), uint32(j)})
		}
	}
	s.entries, s.scratch = sortEntries(entries, s.scratch)
	return blocks, s.entries
}

// clearOpen forgets the open blocks and their memory; they are freed or moved.
func (s *Sorter) clearOpen() {
	for place := range s.open {
		s.open[place] = s.open[place][:0]
	}
	s.account(-s.openBytes)
	s.openLines, s.openBytes = 0, 0
}

// dropOldest drops about half of the lines in memory, where they can be neither
// spilled nor kept: the newest are the ones a reader of logs looks for.
func (s *Sorter) dropOldest() {
	_, open := s.sortOpen()
	memory := [][]entry{open}
	for _, r := range s.runs {
		if m, ok := r.(*memoryRun); ok {
			memory = append(memory, m.entries)
		}
	}
	floor, lines := middle(memory), s.openLines+s.lines()
	for _, r := range s.runs {
		if m, ok := r.(*memoryRun); ok {
			s.cut(m, floor)
		}
	}
	s.prune(len(open) - below(open, floor))
	s.floor = max(s.floor, floor)
	if s.openLines+s.lines() == lines {
		s.prune(s.openLines / 2) // nearly all are of one instant: by arrival
	}
}

// cut drops the lines of a run in memory that are below the floor.
func (s *Sorter) cut(r *memoryRun, floor int64) {
	n := below(r.entries, floor)
	s.account(-r.size())
	packed := pack(r.blocks, r.entries[n:])
	free(r.blocks)
	r.blocks, r.entries = packed, slices.Clone(r.entries[n:])
	s.account(r.size())
	s.missed(n)
}

// middle is a key that about half of the entries are below. The lists are
// sorted. Lines of one key are not told apart: a spilled line of that key may
// stand before some of them and after others.
func middle(lists [][]entry) int64 {
	total := 0
	for _, l := range lists {
		total += len(l)
	}
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	for lo < hi {
		mid := lo + int64(uint64(hi-lo)/2)
		n := 0
		for _, l := range lists {
			n += below(l, mid)
		}
		if n < total/2 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// below counts the entries of a sorted list that are below key.
func below(entries []entry, key int64) int {
	return sort.Search(len(entries), func(i int) bool { return entries[i].key >= key })
}
