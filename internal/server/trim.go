package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	trimInterval = 5 * time.Second
	// The first collection leaves what pools hold and halves stacks, a further
	// one takes the rest.
	trims = 2
	// It is not worth a collection to give back less than this.
	trimGrowth = 1 << 20
)

// trim gives memory back when the process is calm. After a burst nothing else
// would: the next collection is due when the heap has grown even larger, which
// that of a thousand idle followers never does.
func trim(ctx context.Context) {
	ticker := time.NewTicker(trimInterval)
	defer ticker.Stop()
	var cycles, size uint64
	trimmed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, heap := collections()
		switch {
		case now != cycles: // not calm: a collection was due
			cycles, trimmed = now, 0
		case trimmed < trims || heap > size+trimGrowth:
			debug.FreeOSMemory()
			trimmed++
			cycles, size = collections()
		}
	}
}

// collections is how many there were, and the bytes of the heap's objects.
func collections() (cycles, heap uint64) {
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
