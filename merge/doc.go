// Package merge puts the lines of many streams into one order.
//
// The order is total: a line's key (its timestamp in nanoseconds), then the
// place of its stream, then its arrival. Three ways lead to it:
//
//	blocks of sorted streams   ──> Ordered ──> lines, while they arrive
//	blocks in no order at all  ──> Sorter  ──> lines, once everything is there
//	blocks of live lines       ──> Window  ──> lines, after a short wait
//
// A [Block] is a buffer of whole lines with their index. It has one owner at
// a time: the reader that fills it, then the merge it is handed to, which
// returns it to the pool. Lines are never decoded, copied apart or re-encoded
// here: the package knows keys, places and bytes, and nothing of what they say.
//
// Nothing in this package starts a goroutine. A [Sorter] may be filled from
// many at once; everything else belongs to the caller's.
package merge
