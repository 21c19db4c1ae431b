package merge

// A Source hands over the blocks of one sorted stream in turn, and nil at its
// end. It may block until there is one. The merge owns the block and frees it.
type Source func() *Block

// Ordered merges sorted sources and calls emit with their lines, in order, as
// soon as each source has shown its next one. It holds one block of each.
//
// What emit gets is one or more whole lines, valid during the call. An error
// of emit ends the merge and is returned; the sources' blocks still held are freed.
//
// A source that breaks its order loses nothing by it: the line that comes too
// late is emitted as soon as it is seen.
func Ordered(emit func(lines []byte) error, sources ...Source) error {
	m := make(cursors, len(sources))
	defer m.free()
	heads := make([]head, len(sources))
	for i, next := range sources {
		m[i].next = next
		heads[i] = m.load(i)
	}
	t := newTree(heads)
	for last := -1; !t[0].isEnded(); {
		i := t[0].source()
		// A source that wins twice running is likely to go on winning: its
		// lines up to the runner-up's are sent without touching the tree.
		n := 1
		if i == last {
			n = m[i].until(t.runnerUp(), i)
		}
		last = i
		if err := m[i].emit(n, emit); err != nil {
			return err
		}
		t.replace(m.load(i))
	}
	return nil
}

// cursors holds a cursor for each source, at its place.
type cursors []cursor

// A cursor is a place in the block a source gave last.
type cursor struct {
	next  Source
	block *Block
	line  int
}

// load returns the head of source i, from its next block if need be.
func (m cursors) load(i int) head {
	c := &m[i]
	for c.block == nil || c.line == len(c.block.Lines) {
		if c.block != nil {
			c.block.Free()
		}
		c.line = 0
		if c.block = c.next(); c.block == nil {
			return ended(i)
		}
	}
	return newHead(c.block.Lines[c.line].Key, i, i)
}

func (m cursors) free() {
	for i := range m {
		if m[i].block != nil {
			m[i].block.Free()
		}
	}
}

// until counts the lines from the cursor on that go before bound; at least one.
func (c *cursor) until(bound head, place int) int {
	lines := c.block.Lines[c.line:]
	n := 1
	for n < len(lines) && newHead(lines[n].Key, place, place).before(bound) {
		n++
	}
	return n
}

// emit sends the next n lines, those that touch in one call.
func (c *cursor) emit(n int, emit func([]byte) error) error {
	lines := c.block.Lines[c.line : c.line+n]
	c.line += n
	start, end := lines[0].Start, lines[0].End
	for _, l := range lines[1:] {
		if l.Start == end {
			end = l.End
			continue
		}
		if err := emit(c.block.Bytes[start:end]); err != nil {
			return err
		}
		start, end = l.Start, l.End
	}
	return emit(c.block.Bytes[start:end])
}
