package merge

// Emit merges what was added and calls emit with each line in order. The bytes
// are valid during the call. It returns the first error of emit or of reading
// the spill file, and says what had to be left out, nil if nothing.
func (s *Sorter) Emit(emit func(line []byte) error) (*Missing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	if s.Newest > 0 && s.openLines > s.Newest {
		s.prune(s.Newest)
	}
	s.keepRun()
	skip := 0
	if s.Newest > 0 {
		skip = max(s.runLines-s.Newest, 0)
		// Of what was dropped as many are missed as were wanted.
		s.missing.Lines = min(s.missing.Lines, s.Newest-min(s.runLines, s.Newest))
	}
	err := s.mergeRuns(func(key int64, line []byte) error {
		if skip > 0 {
			skip--
			return nil
		}
		if s.overflow != nil && key < s.floor {
			// Older than what was dropped: sent, it would hide the gap.
			s.missing.Lines++
			return nil
		}
		return emit(line)
	})
	if err != nil || s.missing.Lines == 0 {
		return nil, err
	}
	s.missing.Before, s.missing.Err = s.floor, s.overflow
	return &s.missing, nil
}

// mergeRuns calls visit with the lines of all runs in order.
func (s *Sorter) mergeRuns(visit func(key int64, line []byte) error) error {
	heads := make([]head, len(s.runs))
	for i := range s.runs {
		h, err := s.head(i)
		if err != nil {
			return err
		}
		heads[i] = h
	}
	for t := newTree(heads); !t[0].isEnded(); {
		i := t[0].source()
		key, _, line := s.runs[i].line()
		if err := visit(key, line); err != nil {
			return err
		}
		h, err := s.head(i)
		if err != nil {
			return err
		}
		t.replace(h)
	}
	return nil
}

// head moves run i to its next line.
func (s *Sorter) head(i int) (head, error) {
	more, err := s.runs[i].next()
	if err != nil || !more {
		return ended(i), err
	}
	key, place, _ := s.runs[i].line()
	return newHead(key, place, i), nil
}
