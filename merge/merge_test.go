package merge

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A dealt line knows where it stands in the total order.
type dealt struct {
	key     int64
	place   int
	arrival int
	text    string
}

// deal makes up n lines of k streams; few keys make many ties.
func deal(rng *rand.Rand, n, k, keys int) [][]dealt {
	streams := make([][]dealt, k)
	for range n {
		place := rng.IntN(k)
		arrival := len(streams[place])
		key := int64(rng.IntN(keys)) - int64(keys/2)
		switch rng.IntN(200) {
		case 0:
			key = math.MinInt64
		case 1:
			key = math.MaxInt64
		}
		text := fmt.Sprintf("%d/%d/%d%s\n", key, place, arrival, strings.Repeat(".", rng.IntN(60)))
		streams[place] = append(streams[place], dealt{key, place, arrival, text})
	}
	return streams
}

func compareDealt(a, b dealt) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.place, b.place), cmp.Compare(a.arrival, b.arrival))
}

// sorted is the answer by the definition: sort everything at the end.
func sorted(streams [][]dealt) []dealt {
	all := slices.Concat(streams...)
	slices.SortStableFunc(all, compareDealt)
	return all
}

func text(lines []dealt) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
	}
	return b.String()
}

// blocks cuts a stream into blocks of random length, with gaps between lines.
func blocks(rng *rand.Rand, stream []dealt) []*Block {
	var out []*Block
	for len(stream) > 0 {
		n := 1 + rng.IntN(min(len(stream), 40))
		b := GetBlock(64)
		for _, l := range stream[:n] {
			if rng.IntN(4) == 0 {
				b.Bytes = append(b.Bytes, "dropped"...)
			}
			b.append(l.key, []byte(l.text))
		}
		out = append(out, b)
		stream = stream[n:]
	}
	return out
}

func sources(rng *rand.Rand, streams [][]dealt) []Source {
	out := make([]Source, len(streams))
	for i, stream := range streams {
		left := blocks(rng, stream)
		out[i] = func() *Block {
			if len(left) == 0 {
				return nil
			}
			b := left[0]
			left = left[1:]
			return b
		}
	}
	return out
}

func TestOrderedEqualsSort(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		streams := deal(rng, rng.IntN(800), 1+rng.IntN(20), 1+rng.IntN(300))
		for _, s := range streams {
			slices.SortStableFunc(s, func(a, b dealt) int { return cmp.Compare(a.key, b.key) })
			for i := range s {
				s[i].arrival = i
			}
		}
		var got bytes.Buffer
		err := Ordered(func(lines []byte) error { got.Write(lines); return nil }, sources(rng, streams)...)
		if err != nil {
			t.Fatal(err)
		}
		if want := text(sorted(streams)); got.String() != want {
			t.Fatalf("seed %d: got %d bytes, want %d, first difference near %q", seed, got.Len(), len(want), difference(got.String(), want))
		}
	}
}

func TestOrderedLosesNothingOfABrokenOrder(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		streams := deal(rng, 500, 5, 100)
		var got []string
		err := Ordered(func(lines []byte) error {
			got = append(got, strings.SplitAfter(strings.TrimSuffix(string(lines), "\n")+"\n", "\n")...)
			return nil
		}, sources(rng, streams)...)
		if err != nil {
			t.Fatal(err)
		}
		got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
		var want []string
		for _, l := range slices.Concat(streams...) {
			want = append(want, l.text)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %d lines, want the %d that went in", seed, len(got), len(want))
		}
	}
}

func TestOrderedStopsWhenEmitFails(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	calls := 0
	err := Ordered(func([]byte) error { calls++; return os.ErrClosed }, sources(rng, deal(rng, 100, 3, 10))...)
	if err != os.ErrClosed || calls != 1 {
		t.Fatalf("got error %v after %d calls, want %v after 1", err, calls, os.ErrClosed)
	}
}

// sortAll runs a sorter with one goroutine for each stream.
func sortAll(t *testing.T, s *Sorter, rng *rand.Rand, streams [][]dealt) (string, *Missing) {
	t.Helper()
	defer s.Close()
	var wg sync.WaitGroup
	for place, stream := range streams {
		dealt := blocks(rng, stream)
		wg.Go(func() {
			for _, b := range dealt {
				s.Add(place, b)
			}
		})
	}
	wg.Wait()
	var got strings.Builder
	missing, err := s.Emit(func(line []byte) error { got.Write(line); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got.String(), missing
}

func TestSorterEqualsSort(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := rng.IntN(3000)
		if seed%10 == 0 {
			n = 30000 // enough for several runs
		}
		streams := deal(rng, n, 1+rng.IntN(12), 1+rng.IntN(2000))
		want := sorted(streams)
		newest := []int{0, 1, 7, 1000, n, n + 5}[rng.IntN(6)]
		if newest > 0 {
			want = want[max(len(want)-newest, 0):]
		}
		memory := []int64{0, 1, 1 << 20, 4 << 20}[rng.IntN(4)]
		s := &Sorter{Newest: newest, Memory: memory, SpillDir: t.TempDir()}
		got, missing := sortAll(t, s, rng, streams)
		if missing != nil {
			t.Fatalf("seed %d: missing %+v, want nothing missing", seed, missing)
		}
		if got != text(want) {
			t.Fatalf("seed %d, newest %d, memory %d: first difference near %q", seed, newest, memory, difference(got, text(want)))
		}
	}
}

func TestSorterSpillsAndLeavesNoFile(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	dir := t.TempDir()
	streams := deal(rng, 60000, 8, 5000)
	budget := &Budget{}
	s := &Sorter{Memory: 1 << 20, SpillDir: dir, Shared: budget}
	got, _ := sortAll(t, s, rng, streams)
	if got != text(sorted(streams)) {
		t.Fatal("the lines are not in order")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Fatalf("left behind: %v (%v)", entries, err)
	}
	if got := budget.Used(); got != 0 {
		t.Fatalf("%d bytes of the budget are still in use", got)
	}
}

func TestSorterHoldsLittle(t *testing.T) {
	tests := []struct {
		name   string
		sorter *Sorter
		most   int64
	}{
		{"spilling", &Sorter{Memory: 2 << 20}, 2<<20 + 256<<10},
		{"newest", &Sorter{Newest: 100}, minPruneBytes + 256<<10},
		{"newest past the memory", &Sorter{Newest: 30000, Memory: 2 << 20}, 2<<20 + 256<<10},
		{"a shared budget", &Sorter{Shared: &Budget{Limit: 1 << 20}}, 1<<20 + 512<<10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 5))
			s := test.sorter
			defer s.Close()
			s.SpillDir = t.TempDir()
			streams := deal(rng, 100000, 4, 1000)
			for place, stream := range streams {
				for _, b := range blocks(rng, stream) {
					s.Add(place, b)
					if s.held > test.most {
						t.Fatalf("held %d bytes, want at most %d", s.held, test.most)
					}
				}
			}
		})
	}
}

func TestSorterKeepsTheNewestWhereItCannotSpill(t *testing.T) {
	tests := []struct {
		name   string
		sorter *Sorter
	}{
		{"no directory", &Sorter{SpillDir: "/nowhere/at/all"}},
		{"spill limit", &Sorter{SpillLimit: 1 << 20}},
		{"newest", &Sorter{SpillDir: "/nowhere/at/all", Newest: 80000}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(6, 6))
			streams := deal(rng, 100000, 4, 1_000_000)
			all := sorted(streams)
			s := test.sorter
			s.Memory = 2 << 20
			newest := s.Newest
			got, missing := sortAll(t, s, rng, streams)
			if missing == nil || missing.Err == nil {
				t.Fatalf("missing %v, want what is missing and why", missing)
			}
			if newest > 0 {
				all = all[len(all)-newest:]
			}
			lines := strings.Count(got, "\n")
			if lines < 500 || lines+missing.Lines != len(all) {
				t.Fatalf("%d lines sent and %d said to be missing, want %d together", lines, missing.Lines, len(all))
			}
			want := all[len(all)-lines:]
			if got != text(want) {
				t.Fatal("what is sent is not the newest")
			}
			if older := all[len(all)-lines-1]; older.key >= missing.Before && want[0].key > older.key {
				t.Fatalf("a missing line has the key %d, said to be before %d", older.key, missing.Before)
			}
		})
	}
}

func TestSorterHoldsLittleOfOneInstant(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	s := &Sorter{Memory: 1 << 20, SpillDir: "/nowhere/at/all"}
	defer s.Close()
	stream := make([]dealt, 100000)
	for i := range stream {
		stream[i] = dealt{key: 5, arrival: i, text: fmt.Sprintf("line %d\n", i)}
	}
	for _, b := range blocks(rng, stream) {
		s.Add(0, b)
		if s.held > 2<<20 {
			t.Fatalf("held %d bytes", s.held)
		}
	}
	lines := 0
	missing, err := s.Emit(func([]byte) error { lines++; return nil })
	if err != nil || missing == nil || lines < 1000 || lines+missing.Lines != len(stream) {
		t.Fatalf("%d lines sent, missing %+v, error %v", lines, missing, err)
	}
}

// withoutCopies is the answer by the definition: of each line, for each group, as
// many as the place that has most of it.
func withoutCopies(all []dealt, group []int, same func(dealt) string) []dealt {
	type of struct {
		line string
		from int
	}
	seen, sent := map[of]int{}, map[of]int{}
	return slices.DeleteFunc(slices.Clone(all), func(l dealt) bool {
		if group[l.place] == 0 {
			return false
		}
		at, in := of{same(l), l.place}, of{same(l), -group[l.place]}
		seen[at]++
		if seen[at] <= sent[in] {
			return true
		}
		sent[in]++
		return false
	})
}

func TestSorterLeavesOutCopies(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 8))
		streams := deal(rng, 2000, 5, 300)
		for _, s := range streams {
			for i := range s {
				s[i].text = fmt.Sprintf("%d %d\n", s[i].key, rng.IntN(3))
			}
		}
		group := []int{0, 1, 1, 2, 1}
		want := withoutCopies(sorted(streams), group, func(l dealt) string { return l.text })
		newest := []int{0, 1, 100, 5000}[rng.IntN(4)]
		if newest > 0 {
			want = want[max(len(want)-newest, 0):]
		}
		s := &Sorter{
			Newest: newest, Memory: []int64{0, 1}[rng.IntN(2)], SpillDir: t.TempDir(),
			Copies: &Copies{Group: group, Identity: func(_ int64, line []byte) uint64 { return maphash.Bytes(hashSeed, line) }},
		}
		if got, _ := sortAll(t, s, rng, streams); got != text(want) {
			t.Fatalf("seed %d, newest %d: got %d lines, want %d; first difference near %q", seed, newest, strings.Count(got, "\n"), len(want), difference(got, text(want)))
		}
	}
}

var hashSeed = maphash.MakeSeed()

func TestSorterWithoutLines(t *testing.T) {
	var s Sorter
	defer s.Close()
	missing, err := s.Emit(func([]byte) error { t.Fatal("emitted a line"); return nil })
	if missing != nil || err != nil {
		t.Fatalf("got %v, %v", missing, err)
	}
}

// FuzzSorter holds the sorter to a plain sort, however the lines are dealt out.
func FuzzSorter(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint8(3), uint16(10), uint16(0), false)
	f.Add(uint64(2), uint16(2000), uint8(9), uint16(1), uint16(70), true)
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, k uint8, keys, newest uint16, spill bool) {
		rng := rand.New(rand.NewPCG(seed, seed))
		streams := deal(rng, int(n), 1+int(k), 1+int(keys))
		want := sorted(streams)
		s := &Sorter{Newest: int(newest)}
		if newest > 0 {
			want = want[max(len(want)-int(newest), 0):]
		}
		if spill {
			s.Memory, s.SpillDir = 1, t.TempDir()
		}
		if got, _ := sortAll(t, s, rng, streams); got != text(want) {
			t.Fatalf("first difference near %q", difference(got, text(want)))
		}
	})
}

func difference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return want[max(i-30, 0):min(i+30, len(want))]
}
