package merge

// Copies tell a merge which streams hold copies of the same lines. A line that
// streams of one group share goes out as often as the one that has it most
// often says it happened, and no more.
type Copies struct {
	// Group is the group of each place; places of no group have 0, and so
	// have those beyond its end.
	Group []int
	// Identity says which lines of equal keys are copies of each other.
	Identity func(key int64, line []byte) uint64
}

// most is how many copies of a line there can be.
func (c *Copies) most() int {
	sizes, most := map[int]int{}, 1
	for _, group := range c.Group {
		if group != 0 {
			sizes[group]++
			most = max(most, sizes[group])
		}
	}
	return most
}

// A copyFilter finds the copies among lines that come in order: they have one
// key, so only the lines of the current key are remembered.
type copyFilter struct {
	*Copies
	key  int64
	seen map[copyOf]int // by place
	sent map[copyOf]int // by group
}

type copyOf struct {
	identity uint64
	from     int // a place or a group
}

// redundant reports whether a line was sent for another place already.
func (f *copyFilter) redundant(key int64, place int, line []byte) bool {
	if f.Copies == nil || place >= len(f.Group) || f.Group[place] == 0 {
		return false
	}
	if f.seen == nil {
		f.seen, f.sent = map[copyOf]int{}, map[copyOf]int{}
	}
	if key != f.key {
		f.key = key
		clear(f.seen)
		clear(f.sent)
	}
	id := f.Identity(key, line)
	at, of := copyOf{id, place}, copyOf{id, f.Group[place]}
	f.seen[at]++
	if f.seen[at] <= f.sent[of] {
		return true
	}
	f.sent[of]++
	return false
}
