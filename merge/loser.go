package merge

import "math"

// A head is the first line of a source that is not yet merged. Sources are
// told apart by the low half of tie, and ordered at equal keys by its high half.
type head struct {
	key int64
	tie uint64 // place<<32 | source
}

func newHead(key int64, place, source int) head {
	return head{key, uint64(uint32(place))<<32 | uint64(uint32(source))}
}

// ended stands for a source without lines: it loses to every line.
func ended(source int) head {
	return head{math.MaxInt64, math.MaxUint32<<32 | uint64(uint32(source))}
}

func (h head) source() int   { return int(uint32(h.tie)) }
func (h head) isEnded() bool { return h.tie>>32 == math.MaxUint32 }

func (h head) before(o head) bool {
	return h.key < o.key || h.key == o.key && h.tie < o.tie
}

// A tree is a loser tree (Knuth, TAOCP 5.4.1): node 0 holds the overall winner,
// node n the loser of the match played there. Source i enters at (i+len)/2, so
// that replacing the winner's head costs one match for each level.
type tree []head

// newTree plays the whole tournament; heads[i] is the head of source i.
func newTree(heads []head) tree {
	k := len(heads)
	t := make(tree, max(k, 1))
	if k == 0 {
		t[0] = ended(0)
		return t
	}
	winners := make([]head, 2*k)
	copy(winners[k:], heads)
	for n := k - 1; n > 0; n-- {
		a, b := winners[2*n], winners[2*n+1]
		if b.before(a) {
			a, b = b, a
		}
		winners[n], t[n] = a, b
	}
	t[0] = winners[1]
	return t
}

// replace puts h, the next head of the winner's source, in the winner's place.
func (t tree) replace(h head) {
	for n := (h.source() + len(t)) / 2; n > 0; n /= 2 {
		if t[n].before(h) {
			t[n], h = h, t[n]
		}
	}
	t[0] = h
}

// runnerUp returns the head that wins once the winner's source is past it: the
// best of those that lost to the winner itself.
func (t tree) runnerUp() head {
	best := ended(t[0].source())
	for n := (t[0].source() + len(t)) / 2; n > 0; n /= 2 {
		if t[n].before(best) {
			best = t[n]
		}
	}
	return best
}
