package line

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/openfaas-logmux/logmux/merge"
)

// ErrCut is returned at the end of a stream that ends in the middle of a line.
var ErrCut = errors.New("the answer ends in the middle of a line")

// Options say how a Reader treats the lines of one upstream's answer. The zero
// value takes every line.
type Options struct {
	Filter Filter

	// Labels are written into the lines.
	Labels Labels

	// Upstream names the provider in lines that had to be wrapped, Name and
	// Namespace are the request's.
	Upstream, Name, Namespace string

	// MaxLineBytes is how long a line may be without its newline; a longer one
	// is cut and wrapped. If zero, DefaultMaxLineBytes.
	MaxLineBytes int

	// BlockSize is the size of a block in bytes. If zero, DefaultBlockSize.
	BlockSize int

	// Fill makes Next wait until a block is nearly full. Otherwise a block is
	// returned as soon as one Read has brought a line.
	Fill bool

	// IDs makes the blocks tell equal lines, by their instance, key and text.
	IDs bool

	// Grow lets blocks grow from BlockSize to DefaultBlockSize while a Read
	// fills them. A reader that waits for more then has a small one.
	Grow bool

	// Follow makes the reader discard a last line that is cut.
	Follow bool

	// Warning, if not nil, gets the warning lines of an inner logmux: they are
	// no log lines, and are not in the blocks. The bytes are the callee's.
	Warning func(line []byte)

	// Now is the clock. If nil, time.Now.
	Now func() time.Time
}

// The defaults of Options.
const (
	DefaultMaxLineBytes = 1 << 20
	DefaultBlockSize    = 64 << 10
)

// Stats counts what a Reader has seen.
type Stats struct {
	Lines     int64 // that passed the filter, wrapped ones included
	Bytes     int64 // read
	Messages  int64 // lines that decode, those the filter dropped included
	Warnings  int64 // of an inner logmux
	Malformed int64 // lines that had to be wrapped, the cut ones included
	Cut       int64 // lines over MaxLineBytes
	Disorder  int64 // lines with a key below that of a line before

	// Lowest and Highest are the range of the keys of Messages.
	Lowest, Highest int64
}

// Sent is how many lines the provider sent, whatever became of them.
func (s *Stats) Sent() int64 { return s.Messages + s.Warnings + s.Malformed }

// Add adds what was seen of a further answer.
func (s *Stats) Add(o Stats) {
	if s.Messages == 0 {
		s.Lowest, s.Highest = o.Lowest, o.Highest
	} else if o.Messages > 0 {
		s.Lowest, s.Highest = min(s.Lowest, o.Lowest), max(s.Highest, o.Highest)
	}
	s.Lines += o.Lines
	s.Bytes += o.Bytes
	s.Messages += o.Messages
	s.Warnings += o.Warnings
	s.Malformed += o.Malformed
	s.Cut += o.Cut
	s.Disorder += o.Disorder
}

// A Reader reads lines into blocks.
type Reader struct {
	Stats Stats

	src     io.Reader
	opts    Options
	size    int // of the next block
	keys    keys
	scanner scanner
	parsed  parsed // of the last line
	fields  fields // of the last canonical line

	carry []byte // the start of a line that the last block ended in
	made  []byte // lines made here: behind the block's own bytes, or instead of them
	skip  bool   // within a line over MaxLineBytes
	tail  int    // where the last line ends that has no newline; 0 if it has
	cut   bool   // the last line was cut
	err   error  // returned once the last block is
}

// NewReader returns a reader of src.
func NewReader(src io.Reader, opts Options) *Reader {
	if opts.MaxLineBytes == 0 {
		opts.MaxLineBytes = DefaultMaxLineBytes
	}
	if opts.BlockSize == 0 {
		opts.BlockSize = DefaultBlockSize
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Reader{src: src, opts: opts, size: opts.BlockSize, keys: newKeys(opts.Filter, opts.Labels)}
}

// Next returns the next block, which holds at least one line and is the
// caller's. At the end it returns io.EOF, ErrCut where the end is in mid-line,
// or the error of the source; a line that was cut comes before, wrapped.
func (r *Reader) Next() (*merge.Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	b := merge.GetBlock(max(r.size, 2*len(r.carry)))
	b.Bytes = append(b.Bytes, r.carry...)
	r.carry = r.carry[:0]
	start := 0 // of the first line not yet looked at
	for r.err == nil && !r.enough(b, start) {
		b, start = r.room(b, start)
		start = r.read(b, start)
	}
	r.carry = append(r.carry, b.Bytes[start:]...)
	b.Bytes = append(b.Bytes[:r.base(b)], r.made...)
	r.made = r.made[:0]
	if len(b.Lines) == 0 {
		b.Free()
		return nil, r.err
	}
	return b, nil
}

// enough reports whether the block is to be returned. Lines made here are given
// out at once: they stand where the next bytes would be read to.
func (r *Reader) enough(b *merge.Block, start int) bool {
	if len(b.Lines) == 0 {
		return false
	}
	if r.opts.Labels.any() {
		return !r.opts.Fill || len(r.made) > r.opts.BlockSize/4*3
	}
	full := cap(b.Bytes)-len(b.Bytes) < cap(b.Bytes)/4
	return !r.opts.Fill || full || len(r.made) > 0
}

// base is where the lines made here begin in the block. Where each line is
// written anew, those that were read are not kept.
func (r *Reader) base(b *merge.Block) int {
	if r.opts.Labels.any() {
		return 0
	}
	return len(b.Bytes)
}

// room makes room for a Read: it forgets what is read and not wanted, and if
// one line fills the block, it moves to a larger one.
func (r *Reader) room(b *merge.Block, start int) (*merge.Block, int) {
	if len(b.Lines) > 0 && !r.opts.Labels.any() {
		return b, start
	}
	b.Bytes = b.Bytes[:copy(b.Bytes, b.Bytes[start:])]
	if len(b.Bytes) <= cap(b.Bytes)/2 {
		return b, 0
	}
	larger := merge.GetBlock(2 * cap(b.Bytes))
	larger.Bytes = append(larger.Bytes, b.Bytes...)
	larger.Lines = append(larger.Lines, b.Lines...)
	larger.IDs = append(larger.IDs, b.IDs...)
	b.Free()
	return larger, 0
}

// read reads once and looks at the lines that are whole. It returns the start
// of the one that is not.
func (r *Reader) read(b *merge.Block, start int) int {
	before := len(b.Bytes)
	n, err := r.src.Read(b.Bytes[before:cap(b.Bytes)])
	b.Bytes = b.Bytes[:before+n]
	r.Stats.Bytes += int64(n)
	if r.opts.Grow {
		r.grow(n == cap(b.Bytes)-before)
	}
	if err != nil {
		r.end(b, start)
	}
	start = r.lines(b, start, before)
	if err == nil {
		return start
	}
	if r.err = err; err == io.EOF && r.cut {
		r.err = ErrCut
	}
	return len(b.Bytes)
}

// grow sizes the next block.
func (r *Reader) grow(full bool) {
	if full {
		r.size = min(8*r.size, DefaultBlockSize)
	} else {
		r.size = r.opts.BlockSize
	}
}

// end gives a last line its newline.
func (r *Reader) end(b *merge.Block, start int) {
	n := len(b.Bytes)
	if n == start || b.Bytes[n-1] == '\n' {
		return
	}
	// A start of an object never decodes, so what does is whole.
	if _, err := decode(b.Bytes[start:]); err == nil || !r.opts.Follow {
		b.Bytes = append(b.Bytes, '\n')
		r.tail = n
	}
}

// lines looks at the lines from start on, of which no newline is before from.
func (r *Reader) lines(b *merge.Block, start, from int) int {
	for {
		n := bytes.IndexByte(b.Bytes[from:], '\n')
		if n < 0 {
			break
		}
		end := from + n
		if r.skip {
			r.skip = false
		} else {
			r.line(b, start, end)
		}
		start, from = end+1, end+1
	}
	switch {
	case r.skip:
		start = len(b.Bytes)
	case len(b.Bytes)-start > r.opts.MaxLineBytes+len("\r"):
		r.wrapCut(b, b.Bytes[start:])
		r.skip = true
		start = len(b.Bytes)
	}
	return start
}

// line takes the line b.Bytes[start:end], whose newline is at end.
func (r *Reader) line(b *merge.Block, start, end int) {
	last := end == r.tail && r.tail > 0
	if end > start && b.Bytes[end-1] == '\r' {
		end--
		b.Bytes[end] = '\n'
	}
	line := b.Bytes[start:end]
	if len(line) > r.opts.MaxLineBytes {
		r.wrapCut(b, line)
		return
	}
	m := &r.parsed
	if *m = (parsed{}); !r.parse(line, m) {
		if len(bytes.TrimLeft(line, " \t\r")) > 0 {
			r.wrapMalformed(b, line, last)
		}
		return
	}
	if m.warning {
		r.Stats.Warnings++
		if r.opts.Warning != nil {
			r.opts.Warning(bytes.Clone(b.Bytes[start : end+1]))
		}
		return
	}
	if !m.wanted || m.key < r.opts.Filter.since() {
		return
	}
	if r.opts.Labels.any() {
		from := len(r.made)
		r.made = append(m.relabel(r.made, line, r.opts.Labels), '\n')
		r.add(b, m.key, m.id, r.base(b)+from, r.base(b)+len(r.made))
		return
	}
	r.add(b, m.key, m.id, start, end+1)
}

func (r *Reader) add(b *merge.Block, key int64, id uint64, start, end int) {
	b.Lines = append(b.Lines, merge.Line{Key: key, Start: uint32(start), End: uint32(end)})
	if r.opts.IDs {
		b.IDs = append(b.IDs, id)
	}
	r.Stats.Lines++
}

// took counts a message.
func (r *Reader) took(in *instance, key int64) {
	if r.keys.set(in, key) {
		r.Stats.Disorder++
	}
	if r.Stats.Messages == 0 {
		r.Stats.Lowest, r.Stats.Highest = key, key
	}
	r.Stats.Messages++
	r.Stats.Lowest, r.Stats.Highest = min(r.Stats.Lowest, key), max(r.Stats.Highest, key)
}
