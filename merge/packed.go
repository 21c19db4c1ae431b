package merge

import (
	"encoding/binary"
	"math"
)

// A record is a line as runs hold it: its key (8 bytes), its place (4), its
// length (4), and its bytes.
const recordHeader = 16

func appendRecord(dst []byte, key int64, place uint32, line []byte) []byte {
	dst = binary.NativeEndian.AppendUint64(dst, uint64(key))
	dst = binary.NativeEndian.AppendUint32(dst, place)
	dst = binary.NativeEndian.AppendUint32(dst, uint32(len(line)))
	return append(dst, line...)
}

// record reads the header of the record that b starts with.
func record(b []byte) (key int64, place, size int) {
	return int64(binary.NativeEndian.Uint64(b)), int(binary.NativeEndian.Uint32(b[8:])), int(binary.NativeEndian.Uint32(b[12:]))
}

// A chunk is a part of a run: whole records, in a block without an index.
type chunk struct {
	*Block
	first int64 // key
	n     int   // records that are not dropped
}

const chunkSize = 256 << 10

// encode writes the lines of the entries as records, in chunks, which are to's.
func encode(blocks []*Block, entries []entry, to func(*chunk)) {
	var c *chunk
	for _, e := range entries {
		b := blocks[e.block]
		line := b.Line(int(e.line))
		if c != nil && len(c.Bytes)+recordHeader+len(line) > chunkSize {
			to(c)
			c = nil
		}
		if c == nil {
			c = &chunk{Block: GetBlock(max(chunkSize, recordHeader+len(line))), first: e.key}
		}
		c.Bytes = appendRecord(c.Bytes, e.key, b.place, line)
		c.n++
	}
	if c != nil {
		to(c)
	}
}

// A packedRun is a run of records in memory.
type packedRun struct {
	chunks []*chunk
	n      int
	skip   int // bytes at the start of the first chunk that are dropped
}

func (r *packedRun) lines() int         { return r.n }
func (r *packedRun) read(int) runReader { return &packedReader{chunks: r.chunks, at: r.skip} }

func (r *packedRun) add(c *chunk) {
	r.chunks = append(r.chunks, c)
	r.n += c.n
}

// each gives the chunks away for writing, but not their memory.
func (r *packedRun) each(write func(*chunk)) {
	for i, c := range r.chunks {
		if i == 0 && r.skip > 0 {
			c = &chunk{Block: &Block{Bytes: c.Bytes[r.skip:]}}
		}
		write(c)
	}
}

// size is what the run holds of memory, in bytes.
func (r *packedRun) size() int64 {
	n := int64(0)
	for _, c := range r.chunks {
		n += int64(cap(c.Bytes))
	}
	return n
}

func (r *packedRun) free() {
	for _, c := range r.chunks {
		c.Free()
	}
	r.chunks = nil
}

// below counts the lines below key.
func (r *packedRun) below(key int64) int {
	whole, n, _ := r.find(key)
	for _, c := range r.chunks[:whole] {
		n += c.n
	}
	return n
}

// cut drops the lines below key and returns how many those were.
func (r *packedRun) cut(key int64) (dropped int) {
	dropped = r.below(key)
	whole, n, skip := r.find(key)
	for _, c := range r.chunks[:whole] {
		c.Free()
	}
	r.chunks, r.skip = r.chunks[whole:], skip
	r.chunks[0].n -= n
	r.n -= dropped
	return dropped
}

// find says where the lines below key end: after so many whole chunks, and in
// the next one after n lines, at a byte.
func (r *packedRun) find(key int64) (whole, n, at int) {
	at = r.skip
	for whole+1 < len(r.chunks) && r.chunks[whole+1].first < key {
		whole, at = whole+1, 0
	}
	for c := r.chunks[whole]; at < len(c.Bytes); n++ {
		k, _, size := record(c.Bytes[at:])
		if k >= key {
			break
		}
		at += recordHeader + size
	}
	return whole, n, at
}

type packedReader struct {
	chunks []*chunk
	at     int // the next record in the first chunk
	key    int64
	place  int
	bytes  []byte

	touched byte // keeps the loads from being optimised away
}

func (r *packedReader) next() (bool, error) {
	for len(r.chunks) > 0 && r.at == len(r.chunks[0].Bytes) {
		r.chunks, r.at = r.chunks[1:], 0
	}
	if len(r.chunks) == 0 {
		return false, nil
	}
	b := r.chunks[0].Bytes[r.at:]
	var size int
	r.key, r.place, size = record(b)
	r.bytes = b[recordHeader : recordHeader+size]
	r.at += recordHeader + size
	r.touch()
	return true, nil
}

// touch loads the next record into the processor's cache while others have
// their turn. With many runs the processor does not see by itself that each is
// read from start to end, and a merge waits for memory more than for all else.
func (r *packedReader) touch() {
	b := r.chunks[0].Bytes
	for at := r.at; at < min(r.at+touchAhead, len(b)); at += cacheLine {
		r.touched += b[at]
	}
}

const (
	cacheLine  = 64
	touchAhead = 512
)

func (r *packedReader) line() (int64, int, []byte) { return r.key, r.place, r.bytes }

// middle is a key that about half of the lines of some runs are below. Lines of
// one key are not told apart: a spilled line of that key may stand before some
// of them and after others.
func middle(total int, below func(key int64) int) int64 {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	for lo < hi {
		mid := lo + int64(uint64(hi-lo)/2)
		if below(mid) < total/2 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
