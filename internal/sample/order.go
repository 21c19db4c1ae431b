package sample

import (
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// A dice makes a provider's randomness: the nth request of a seed always falls the same way.
type dice struct{ requests atomic.Uint64 }

func (d *dice) roll(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, d.requests.Add(1)))
}

func shuffle(rng *rand.Rand, streams []stream) {
	rng.Shuffle(len(streams), func(i, j int) { streams[i], streams[j] = streams[j], streams[i] })
}

// weave yields the lines of all streams, each stream's in its own order: one stream after the other, or,
// where interleave is set, from a stream drawn anew for each line.
func weave(rng *rand.Rand, streams []stream, interleave bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		rest := slices.Clone(streams)
		for len(rest) > 0 {
			i := 0
			if interleave {
				i = rng.IntN(len(rest))
			}
			if rest[i].len() == 0 {
				rest = slices.Delete(rest, i, i+1)
				continue
			}
			if !yield(rest[i].at(0)) {
				return
			}
			rest[i] = rest[i].cut(1, rest[i].len())
		}
	}
}
