package merge

import (
	"cmp"
	"math/bits"
	"slices"
)

// An entry points at a line of a run: line `line` of block `block`. Blocks are
// numbered by place, then arrival, so that (key, block, line) is the total order.
type entry struct {
	key         int64
	block, line uint32
}

const (
	radixBits   = 11 // 2,048 counters stay in the first-level cache
	radixCutoff = 512
)

// sortEntries sorts by key and keeps the order of equal keys. It returns the
// sorted entries and the other of the two slices, to be used as scratch again.
func sortEntries(entries, scratch []entry) (sorted, rest []entry) {
	lo, hi, ascending := bounds(entries)
	if ascending {
		return entries, scratch
	}
	if len(entries) < radixCutoff {
		slices.SortFunc(entries, entry.compare)
		return entries, scratch
	}
	scratch = slices.Grow(scratch[:0], len(entries))[:len(entries)]
	// The difference fits an unsigned integer whatever the signs of the two.
	for shift := 0; shift < bits.Len64(uint64(hi)-uint64(lo)); shift += radixBits {
		if scatter(scratch, entries, lo, shift) {
			entries, scratch = scratch, entries
		}
	}
	return entries, scratch
}

func (e entry) compare(o entry) int {
	if c := cmp.Compare(e.key, o.key); c != 0 {
		return c
	}
	if c := cmp.Compare(e.block, o.block); c != 0 {
		return c
	}
	return cmp.Compare(e.line, o.line)
}

func bounds(entries []entry) (lo, hi int64, ascending bool) {
	if len(entries) == 0 {
		return 0, 0, true
	}
	lo, hi, ascending = entries[0].key, entries[0].key, true
	last := lo
	for i := range entries {
		key := entries[i].key
		ascending = ascending && key >= last
		last = key
		lo, hi = min(lo, key), max(hi, key)
	}
	return lo, hi, ascending
}

// scatter distributes src over dst by one digit of (key - lo), stably. It
// reports false, and leaves dst alone, where all have the same digit.
func scatter(dst, src []entry, lo int64, shift int) bool {
	var at [1 << radixBits]uint32
	digit := func(key int64) uint64 { return (uint64(key) - uint64(lo)) >> shift & (1<<radixBits - 1) }
	for i := range src {
		at[digit(src[i].key)]++
	}
	if int(at[digit(src[0].key)]) == len(src) {
		return false
	}
	sum := uint32(0)
	for d, n := range at {
		at[d] = sum
		sum += n
	}
	for i := range src {
		d := digit(src[i].key)
		dst[at[d]] = src[i]
		at[d]++
	}
	return true
}
