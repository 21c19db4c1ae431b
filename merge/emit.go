package merge

import "math"

// Emit merges what was added and calls emit with each line in order. The bytes
// are valid during the call. It returns the first error of emit or of reading
// the spill file, and says what had to be left out, nil if nothing.
func (s *Sorter) Emit(emit func(line []byte) error) (*Missing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	if n := s.keep(); n > 0 && s.openLines > n {
		s.prune(n)
	}
	s.indexOpen()
	skip, err := s.unwanted()
	if err != nil {
		return nil, err
	}
	emitted := 0
	err = s.mergeRuns(func(key int64, line []byte) error {
		if skip > 0 {
			skip--
			return nil
		}
		if s.overflow != nil && key < s.floor {
			// Older than what was dropped: sent, it would hide the gap.
			s.missing.Lines++
			return nil
		}
		if emitted++; emitted == 1 && s.Newest > 0 {
			s.oldest = key
		}
		return emit(line)
	})
	if emitted < s.Newest {
		s.oldest = math.MinInt64 // nothing older was left out
	}
	if err != nil || s.missing.Lines == 0 {
		return nil, err
	}
	s.missing.Before, s.missing.Err = s.floor, s.overflow
	return &s.missing, nil
}

// indexOpen makes the last run, of the lines that are still open.
func (s *Sorter) indexOpen() {
	if s.openLines == 0 {
		return
	}
	blocks, entries := s.sortOpen()
	s.runs = append(s.runs, &indexedRun{blocks, entries})
	held := s.openBytes
	s.clearOpen()
	s.account(held) // until Close
}

// Oldest is the key of the oldest line that Emit sent, where Newest has left out
// what is older; otherwise math.MinInt64.
func (s *Sorter) Oldest() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldest
}

// unwanted is how many lines at the start of the merged runs are older than the
// newest that are wanted.
func (s *Sorter) unwanted() (int, error) {
	if s.Newest == 0 {
		return 0, nil
	}
	lines := 0
	if s.Copies == nil {
		lines = s.lines()
	} else if err := s.mergeRuns(func(int64, []byte) error { lines++; return nil }); err != nil {
		return 0, err
	}
	// Of what was dropped as many are missed as were wanted.
	s.missing.Lines = min(s.missing.Lines, max(s.Newest-lines, 0))
	return max(lines-s.Newest, 0), nil
}

// lines is how many lines are in the runs.
func (s *Sorter) lines() int {
	n := 0
	for _, r := range s.runs {
		n += r.lines()
	}
	return n
}

// The buffers that runs are read back with, in bytes.
const (
	readBuffers   = 8 << 20 // all together
	minReadBuffer = 16 << 10
	maxReadBuffer = 128 << 10
)

// mergeRuns calls visit with the lines of all runs in order, copies left out.
func (s *Sorter) mergeRuns(visit func(key int64, line []byte) error) error {
	copies := copyFilter{Copies: s.Copies}
	buffer := min(max(readBuffers/max(len(s.runs), 1), minReadBuffer), maxReadBuffer)
	readers := make([]runReader, len(s.runs))
	heads := make([]head, len(s.runs))
	for i, r := range s.runs {
		readers[i] = r.read(buffer)
		h, err := nextHead(readers, i)
		if err != nil {
			return err
		}
		heads[i] = h
	}
	for t := newTree(heads); !t[0].isEnded(); {
		i := t[0].source()
		key, place, line := readers[i].line()
		if !copies.redundant(key, place, line) {
			if err := visit(key, line); err != nil {
				return err
			}
		}
		h, err := nextHead(readers, i)
		if err != nil {
			return err
		}
		t.replace(h)
	}
	return nil
}

// nextHead moves reader i to its next line.
func nextHead(readers []runReader, i int) (head, error) {
	more, err := readers[i].next()
	if err != nil || !more {
		return ended(i), err
	}
	key, place, _ := readers[i].line()
	return newHead(key, place, i), nil
}
