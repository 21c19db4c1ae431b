package merge

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkSorter sorts 345-byte lines that come in no order, in memory and
// spilling, from what readers have filled.
func BenchmarkSorter(b *testing.B) {
	const lines = 400_000
	text := make([]byte, 345)
	for _, bench := range []struct {
		name   string
		memory int64
		newest int
	}{
		{"in memory", 0, 0},
		{"spilling", 64 << 20, 0},
		{"newest", 0, 1000},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			dir := b.TempDir()
			for b.Loop() {
				s := &Sorter{Memory: bench.memory, Newest: bench.newest, SpillDir: dir}
				rng := rand.New(rand.NewPCG(1, 1))
				for i := range lines / 180 {
					block := GetBlock(64 << 10)
					for range 180 {
						block.append(rng.Int64N(1<<42), text)
					}
					s.Add(i%8, block)
				}
				sum := 0
				if _, err := s.Emit(func(line []byte) error { sum += len(line); return nil }); err != nil || sum == 0 {
					b.Fatal(err)
				}
				s.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
		})
	}
}
