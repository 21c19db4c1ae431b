package merge

// A run is a sorted sequence of lines that can be read more than once.
type run interface {
	lines() int
	read() runReader
}

// A runReader is a place in a run.
type runReader interface {
	// next moves to the next line and reports whether there is one.
	next() (bool, error)
	// line returns the line it is at. The bytes are valid until next.
	line() (key int64, place int, bytes []byte)
}

// A memoryRun is a run of lines that stand where they were read, in blocks.
type memoryRun struct {
	blocks  []*Block
	entries []entry
}

func (r *memoryRun) lines() int      { return len(r.entries) }
func (r *memoryRun) read() runReader { return &memoryReader{r, -1} }

// size is what the run holds of memory, in bytes.
func (r *memoryRun) size() int64 {
	n := int64(cap(r.entries)) * entrySize
	for _, b := range r.blocks {
		n += b.size()
	}
	return n
}

type memoryReader struct {
	*memoryRun
	at int // the entry it is at
}

func (r *memoryReader) next() (bool, error) {
	r.at++
	return r.at < len(r.entries), nil
}

func (r *memoryReader) line() (int64, int, []byte) {
	e := r.entries[r.at]
	b := r.blocks[e.block]
	return e.key, int(b.place), b.Line(int(e.line))
}

// closeRun makes a sorted run of the open lines: in memory while there is room
// for it and the next two, else in the spill file.
func (s *Sorter) closeRun() {
	if s.held+2*s.runBytes() <= s.limit() {
		s.keepRun()
		return
	}
	blocks, entries := s.sortOpen()
	r, err := s.spill.write(s.SpillDir, s.SpillLimit, &memoryRun{blocks: blocks, entries: entries})
	if err != nil {
		s.overflow = err
		s.dropOldest()
		return
	}
	s.runs = append(s.runs, r)
	free(blocks)
	s.clearOpen()
}

// keepRun makes a sorted run of the open lines in memory.
func (s *Sorter) keepRun() {
	if s.openLines == 0 {
		return
	}
	blocks, entries := s.sortOpen()
	r := &memoryRun{blocks: blocks, entries: entries}
	s.runs = append(s.runs, r)
	s.entries = nil // the run's now
	s.clearOpen()
	s.account(r.size())
}

// spillAll writes everything held to the spill file: others need the memory.
func (s *Sorter) spillAll() {
	if s.overflow == nil {
		s.keepRun()
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
		m, ok := r.(*memoryRun)
		if !ok {
			continue
		}
		spilled, err := s.spill.write(s.SpillDir, s.SpillLimit, m)
		if err != nil {
			return err
		}
		s.runs[i] = spilled
		s.account(-m.size())
		free(m.blocks)
	}
	return nil
}
