package merge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A spillFile holds sorted runs one after the other. It has no name once it is
// made, so that nothing is left behind however the process ends. Each line is
// written as its key (8 bytes), its place (4), its length (4), and its bytes.
type spillFile struct {
	file *os.File
	size int64
	buf  []byte
}

const (
	recordHeader  = 16
	spillBuffer   = 256 << 10
	maxReadBuffer = 128 << 10
)

// ErrSpillLimit is in the chain of Missing.Err where the spill file was full.
var ErrSpillLimit = errors.New("the spill limit is reached")

// write appends a run and returns it as it stands in the file. After an error
// the file holds what it held before.
func (f *spillFile) write(dir string, limit int64, r *memoryRun) (*spilledRun, error) {
	size := int64(len(r.entries)) * recordHeader
	for _, e := range r.entries {
		l := r.blocks[e.block].Lines[e.line]
		size += int64(l.End - l.Start)
	}
	if limit != 0 && f.size+size > limit {
		return nil, fmt.Errorf("%w (%d bytes)", ErrSpillLimit, max(limit, 0))
	}
	if err := f.create(dir); err != nil {
		return nil, err
	}
	w := io.NewOffsetWriter(f.file, f.size)
	for _, e := range r.entries {
		b := r.blocks[e.block]
		if len(f.buf)+recordHeader > spillBuffer {
			if err := f.flush(w); err != nil {
				return nil, err
			}
		}
		line := b.Line(int(e.line))
		f.buf = binary.NativeEndian.AppendUint64(f.buf, uint64(e.key))
		f.buf = binary.NativeEndian.AppendUint32(f.buf, b.place)
		f.buf = binary.NativeEndian.AppendUint32(f.buf, uint32(len(line)))
		f.buf = append(f.buf, line...)
	}
	if err := f.flush(w); err != nil {
		return nil, err
	}
	spilled := &spilledRun{f.file, f.size, f.size + size, len(r.entries)}
	f.size += size
	return spilled, nil
}

func (f *spillFile) create(dir string) error {
	if f.file != nil {
		return nil
	}
	file, err := os.CreateTemp(dir, "logmux-spill-*")
	if err != nil {
		return err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return err
	}
	f.file, f.buf = file, make([]byte, 0, spillBuffer)
	return nil
}

func (f *spillFile) flush(w io.Writer) error {
	_, err := w.Write(f.buf)
	f.buf = f.buf[:0]
	return err
}

func (f *spillFile) close() {
	if f.file != nil {
		f.file.Close() // an unlinked file that nobody will read again
		f.file, f.buf = nil, nil
	}
}

// A spilledRun is a run that stands in the file from start to end.
type spilledRun struct {
	file       *os.File
	start, end int64
	n          int
}

func (r *spilledRun) lines() int { return r.n }
func (r *spilledRun) read() runReader {
	return &spilledReader{file: r.file, offset: r.start, end: r.end}
}

type spilledReader struct {
	file        *os.File
	offset, end int64 // what is still to be read
	buf         []byte
	rest        []byte // of buf, not yet looked at
	key         int64
	place       int
	bytes       []byte
}

func (r *spilledReader) next() (bool, error) {
	if len(r.rest) == 0 && r.offset == r.end {
		return false, nil
	}
	if err := r.need(recordHeader); err != nil {
		return false, err
	}
	size := int(binary.NativeEndian.Uint32(r.rest[12:]))
	if err := r.need(recordHeader + size); err != nil {
		return false, err
	}
	r.key = int64(binary.NativeEndian.Uint64(r.rest))
	r.place = int(binary.NativeEndian.Uint32(r.rest[8:]))
	r.bytes = r.rest[recordHeader : recordHeader+size]
	r.rest = r.rest[recordHeader+size:]
	return true, nil
}

func (r *spilledReader) line() (int64, int, []byte) { return r.key, r.place, r.bytes }

// need makes rest at least n bytes long.
func (r *spilledReader) need(n int) error {
	if len(r.rest) >= n {
		return nil
	}
	if n > cap(r.buf) {
		grown := make([]byte, max(n, maxReadBuffer))
		r.rest = grown[:copy(grown, r.rest)]
		r.buf = grown
	} else {
		r.rest = r.buf[:copy(r.buf[:cap(r.buf)], r.rest)]
	}
	free := r.buf[len(r.rest):cap(r.buf)]
	free = free[:min(int64(len(free)), r.end-r.offset)]
	got, err := r.file.ReadAt(free, r.offset)
	if got < len(free) {
		return fmt.Errorf("read spill file: %w", err)
	}
	r.offset += int64(got)
	r.rest = r.buf[:len(r.rest)+got]
	if len(r.rest) < n {
		return fmt.Errorf("read spill file: %w", io.ErrUnexpectedEOF)
	}
	return nil
}
