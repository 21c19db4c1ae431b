package merge

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A spillFile holds sorted runs of records one after the other. It has no name
// once it is made, so that nothing is left behind however the process ends.
type spillFile struct {
	file *os.File
	size int64
}

// ErrSpillLimit is in the chain of Missing.Err where the spill file was full.
var ErrSpillLimit = errors.New("the spill limit is reached")

// write appends a run of n lines and returns it as it stands in the file. After
// an error the file is as good as before.
func (f *spillFile) write(dir string, limit int64, n int, chunks func(write func(*chunk))) (*spilledRun, error) {
	var err error
	if limit < 0 {
		err = fmt.Errorf("%w (0 bytes)", ErrSpillLimit)
	} else {
		err = f.create(dir)
	}
	end := f.size
	chunks(func(c *chunk) {
		switch {
		case err != nil:
		case limit > 0 && end+int64(len(c.Bytes)) > limit:
			err = fmt.Errorf("%w (%d bytes)", ErrSpillLimit, limit)
		default:
			_, err = f.file.WriteAt(c.Bytes, end)
			end += int64(len(c.Bytes))
		}
	})
	if err != nil {
		return nil, err
	}
	r := &spilledRun{f.file, f.size, end, n}
	f.size = end
	return r, nil
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
	f.file = file
	return nil
}

func (f *spillFile) close() {
	if f.file != nil {
		f.file.Close() // an unlinked file that nobody will read again
		f.file = nil
	}
}

// A spilledRun is a run that stands in the file from start to end.
type spilledRun struct {
	file       *os.File
	start, end int64
	n          int
}

func (r *spilledRun) lines() int { return r.n }
func (r *spilledRun) read(buffer int) runReader {
	return &spilledReader{file: r.file, offset: r.start, end: r.end, size: buffer}
}

type spilledReader struct {
	file        *os.File
	offset, end int64 // what is still to be read
	size        int   // of buf, unless a line is longer
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
	key, place, size := record(r.rest)
	if err := r.need(recordHeader + size); err != nil {
		return false, err
	}
	r.key, r.place = key, place
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
		grown := make([]byte, max(n, r.size))
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
