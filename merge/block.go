package merge

import (
	"math/bits"
	"sync"
)

// A Line says where a line stands in its block and where in the order.
type Line struct {
	Key        int64  // nanoseconds since the Unix epoch
	Start, End uint32 // Bytes[Start:End], with its '\n'
}

// A Block is a buffer of whole lines, in order of arrival, with their index.
// Bytes may hold more than the lines: what no Line covers is not sent.
type Block struct {
	Bytes []byte
	Lines []Line

	// IDs, if there are any, tell for each line whether it is the same as
	// another of its stream. The merge has no use for them.
	IDs []uint64

	place uint32 // set by the Sorter it was added to
}

// Blocks are pooled by the power of two of their capacity. Larger ones, grown
// by a giant line, are left to the garbage collector.
const (
	minClass = 10 // 1 KiB
	maxClass = 18 // 256 KiB
)

var pools [maxClass + 1]sync.Pool

// GetBlock returns an empty block with room for at least size bytes.
func GetBlock(size int) *Block {
	class := max(bits.Len(uint(max(size, 1)-1)), minClass)
	if class > maxClass {
		return &Block{Bytes: make([]byte, 0, size)}
	}
	if b, ok := pools[class].Get().(*Block); ok {
		return b
	}
	return &Block{Bytes: make([]byte, 0, 1<<class)}
}

// Free returns the block to the pool. The caller must not touch it again.
func (b *Block) Free() {
	class := bits.Len(uint(cap(b.Bytes))) - 1
	if class < minClass || cap(b.Bytes) > 1<<maxClass {
		return
	}
	b.Bytes, b.Lines, b.IDs, b.place = b.Bytes[:0], b.Lines[:0], b.IDs[:0], 0
	pools[class].Put(b)
}

// size is what the block holds of memory, in bytes.
func (b *Block) size() int64 { return int64(cap(b.Bytes)) + int64(cap(b.Lines))*lineSize }

const lineSize = 16 // unsafe.Sizeof(Line{})

// Line returns the bytes of line i, with its newline.
func (b *Block) Line(i int) []byte {
	l := &b.Lines[i]
	return b.Bytes[l.Start:l.End]
}

// Keep leaves the lines in the block that pass, and returns how many did not.
func (b *Block) Keep(pass func(i int) bool) (dropped int) {
	kept := 0
	for i := range b.Lines {
		if !pass(i) {
			continue
		}
		b.Lines[kept] = b.Lines[i]
		if len(b.IDs) > 0 {
			b.IDs[kept] = b.IDs[i]
		}
		kept++
	}
	dropped = len(b.Lines) - kept
	b.Lines, b.IDs = b.Lines[:kept], b.IDs[:min(kept, len(b.IDs))]
	return dropped
}
