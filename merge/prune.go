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
	var packed []*packedRun
	total := len(open)
	for _, r := range s.runs {
		if p, ok := r.(*packedRun); ok {
			packed = append(packed, p)
			total += p.n
		}
	}
	floor := middle(total, func(key int64) int { return belowAll(open, packed, key) })
	if belowAll(open, packed, floor) == total && floor > math.MinInt64 {
		floor-- // the newest instant alone is more than half
	}
	dropped := below(open, floor)
	s.prune(len(open) - dropped)
	for _, p := range packed {
		s.account(-p.size())
		n := p.cut(floor)
		s.account(p.size())
		s.missed(n)
		dropped += n
	}
	s.floor = max(s.floor, floor)
	if dropped == 0 {
		s.prune(s.openLines / 2) // nearly all are of one instant: by arrival
	}
}

func belowAll(open []entry, packed []*packedRun, key int64) int {
	n := below(open, key)
	for _, p := range packed {
		n += p.below(key)
	}
	return n
}

// below counts the entries of a sorted list that are below key.
func below(entries []entry, key int64) int {
	return sort.Search(len(entries), func(i int) bool { return entries[i].key >= key })
}
