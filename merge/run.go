package merge

// A run is a sorted sequence of lines.
type run interface {
	// next moves to the next line and reports whether there is one.
	next() (bool, error)
	// line returns the line it is at. The bytes are valid until next.
	line() (key int64, place int, bytes []byte)
}

// A memoryRun is a run of lines that stand where they were read, in blocks.
type memoryRun struct {
	blocks  []*Block
	entries []entry
	at      int // 1 + the entry it is at
}

func (r *memoryRun) next() (bool, error) {
	r.at++
	return r.at <= len(r.entries), nil
}

func (r *memoryRun) line() (int64, int, []byte) {
	e := r.entries[r.at-1]
	b := r.blocks[e.block]
	return e.key, int(b.place), b.line(int(e.line))
}

// size is what the run holds of memory, in bytes.
func (r *memoryRun) size() int64 {
	n := int64(cap(r.entries)) * entrySize
	for _, b := range r.blocks {
		n += b.size()
	}
	return n
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
	s.runLines += len(entries)
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
	s.runLines += len(entries)
	s.entries = nil // the run's now
	s.clearOpen()
	s.account(r.size())
}

// spillAll writes everything held to the spill file: others need the memory.
func (s *Sorter) spillAll() {
	if s.overflow == nil {
		s.keepRun()
	}
	for i, r := range s.runs {
		m, ok := r.(*memoryRun)
		if !ok || s.overflow != nil {
			continue
		}
		spilled, err := s.spill.write(s.SpillDir, s.SpillLimit, m)
		if err != nil {
			s.overflow = err
			break
		}
		s.runs[i] = spilled
		s.account(-m.size())
		free(m.blocks)
	}
	if s.overflow != nil {
		s.dropOldest()
	}
	s.schedule()
}
