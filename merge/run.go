package merge

// A run is a sorted sequence of lines that can be read more than once. It is
// one of
//
//	indexedRun   lines where they were read, and an index of their order
//	packedRun    records in order, in memory
//	spilledRun   records in order, in the spill file
type run interface {
	lines() int
	// read begins at the first line, with about so many bytes of buffer.
	read(buffer int) runReader
}

// A runReader is a place in a run.
type runReader interface {
	// next moves to the next line and reports whether there is one.
	next() (bool, error)
	// line returns the line it is at. The bytes are valid until next.
	line() (key int64, place int, bytes []byte)
}

// An indexedRun is what the lines are that are still open when Emit is called:
// to bring them in order costs more than to look them up once.
type indexedRun struct {
	blocks  []*Block
	entries []entry
}

func (r *indexedRun) lines() int         { return len(r.entries) }
func (r *indexedRun) read(int) runReader { return &indexedReader{r, -1} }

type indexedReader struct {
	*indexedRun
	at int // the entry it is at
}

func (r *indexedReader) next() (bool, error) {
	r.at++
	return r.at < len(r.entries), nil
}

func (r *indexedReader) line() (int64, int, []byte) {
	e := r.entries[r.at]
	b := r.blocks[e.block]
	return e.key, int(b.place), b.Line(int(e.line))
}

// closeRun makes a sorted run of the open lines: in memory while there is room
// for it and the next two, else in the spill file.
//
// Either way the lines are copied together in order, while they are still in
// the processor's cache: the merge then reads each run from start to end, and
// the blocks they were read into are used again.
func (s *Sorter) closeRun() {
	if s.openLines == 0 {
		return
	}
	blocks, entries := s.sortOpen()
	var r run
	if s.held+2*max(s.runBytes(), s.openBytes) <= s.limit() {
		packed := &packedRun{}
		encode(blocks, entries, packed.add)
		s.account(packed.size())
		r = packed
	} else {
		spilled, err := s.spill.write(s.SpillDir, s.SpillLimit, len(entries), func(write func(*chunk)) {
			encode(blocks, entries, func(c *chunk) {
				write(c)
				c.Free()
			})
		})
		if err != nil {
			s.overflow = err
			s.dropOldest()
			return
		}
		r = spilled
	}
	s.runs = append(s.runs, r)
	free(blocks)
	s.clearOpen()
}

// spillAll writes everything held to the spill file: others need the memory.
func (s *Sorter) spillAll() {
	if n := s.keep(); n > 0 && s.openLines > n {
		s.prune(n) // what is not wanted needs no room anywhere
		if s.held < minRunBytes {
			s.schedule()
			return
		}
	}
	if s.overflow == nil {
		s.closeRun()
	}
	if s.overflow == nil {
		s.overflow = s.spillRuns()
	}
	if s.overflow != nil {
		s.dropOldest()
	}
	s.schedule()
}

// spillRuns moves the runs in memory to the spill file.
func (s *Sorter) spillRuns() error {
	for i, r := range s.runs {
		packed, ok := r.(*packedRun)
		if !ok {
			continue
		}
		spilled, err := s.spill.write(s.SpillDir, s.SpillLimit, packed.n, packed.each)
		if err != nil {
			return err
		}
		s.runs[i] = spilled
		s.account(-packed.size())
		packed.free()
	}
	return nil
}
