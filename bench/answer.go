//go:build linux

package main

import "strconv"

const (
	answerHead = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
	answerEnd  = "0\r\n\r\n"
	block      = 64 << 10
)

// An answer is one upstream's whole HTTP answer, rendered before it is asked:
// header, chunks and end, in pieces of about 64 KB, each one write.
type answer struct {
	pieces  [][]byte
	piece   []byte // the one being filled
	pending []byte // lines that are in no chunk yet

	// LineChunks makes every line an HTTP chunk of its own, as a provider
	// does that flushes each. If false, chunks are 64 KB.
	LineChunks bool
}

// add appends a line, its newline included.
func (a *answer) add(line []byte) {
	if a.LineChunks {
		a.chunk(line)
		return
	}
	a.pending = append(a.pending, line...)
	if len(a.pending) >= block {
		a.chunk(a.pending[:block])
		a.pending = append(a.pending[:0], a.pending[block:]...)
	}
}

func (a *answer) chunk(content []byte) {
	if a.piece == nil {
		a.piece = make([]byte, 0, block+block/32)
		if len(a.pieces) == 0 {
			a.piece = append(a.piece, answerHead...)
		}
	}
	a.piece = appendChunk(a.piece, content)
	if len(a.piece) >= block {
		a.pieces, a.piece = append(a.pieces, a.piece), nil
	}
}

// end completes the answer; nothing is added after it.
func (a *answer) end() {
	if len(a.pending) > 0 {
		a.chunk(a.pending)
		a.pending = nil
	}
	if a.piece == nil && len(a.pieces) == 0 {
		a.piece = append(a.piece, answerHead...)
	}
	a.pieces, a.piece = append(a.pieces, append(a.piece, answerEnd...)), nil
}

func appendChunk(dst, content []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(content)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, content...)
	return append(dst, "\r\n"...)
}
