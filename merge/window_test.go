package merge

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func block(lines ...dealt) *Block {
	b := GetBlock(64)
	for _, l := range lines {
		b.append(l.key, []byte(l.text))
	}
	return b
}

func keyed(keys ...int64) *Block {
	var lines []dealt
	for _, k := range keys {
		lines = append(lines, dealt{key: k, text: fmt.Sprintf("%d ", k)})
	}
	return block(lines...)
}

func TestWindow(t *testing.T) {
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	w := Window{Hold: time.Second}
	due := func(ms int, want string) {
		t.Helper()
		var got strings.Builder
		w.Due(at(ms), func(line []byte) error { got.Write(line); return nil })
		if got.String() != want {
			t.Fatalf("at %d ms: got %q, want %q", ms, got.String(), want)
		}
	}
	w.Add(at(0), 0, keyed(50))
	w.Add(at(300), 1, keyed(40, 60))
	due(999, "")
	if next, ok := w.Next(); !ok || !next.Equal(at(1000)) {
		t.Fatalf("next is due at %v, want 1 s after the first arrival", next)
	}
	due(1000, "40 50 ") // what is older goes first
	if late := w.Add(at(1100), 0, keyed(45, 70)); late != 1 {
		t.Errorf("%d late, want 1", late)
	}
	due(1100, "45 ") // too late to wait
	due(1300, "60 ")
	due(2099, "")
	due(2100, "70 ")
	if _, ok := w.Next(); ok || w.Held() != 0 {
		t.Fatalf("held %d, want nothing held", w.Held())
	}
}

func TestWindowWithoutHold(t *testing.T) {
	var w Window
	now := time.Now()
	var got strings.Builder
	emit := func(line []byte) error { got.Write(line); return nil }
	w.Add(now, 0, keyed(3, 1, 2))
	w.Due(now, emit)
	w.Add(now, 0, keyed(2, 9))
	w.Due(now, emit)
	if want := "1 2 3 2 9 "; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestWindowMemory(t *testing.T) {
	w := Window{Hold: time.Hour, Memory: 64 << 10}
	now := time.Now()
	rng := rand.New(rand.NewPCG(1, 1))
	lines := 0
	for i := range 20000 {
		w.Add(now, i%3, keyed(rng.Int64N(1000)+int64(i)))
		w.Due(now, func([]byte) error { lines++; return nil })
		if w.Held() > w.Memory {
			t.Fatalf("held %d bytes", w.Held())
		}
	}
	w.Flush(func([]byte) error { lines++; return nil })
	if lines != 20000 {
		t.Errorf("%d lines came out, want 20000", lines)
	}
}

// However lines arrive, each comes out once; and those that are late by less
// than the hold are in order.
func TestWindowOrdersWhatIsLateByLessThanTheHold(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 9))
		start := time.Now()
		type arriving struct {
			dealt
			at int64
		}
		var lines []arriving
		for i := range 500 {
			key := int64(rng.IntN(5000))
			l := dealt{key: key, place: rng.IntN(4), text: fmt.Sprintf("%d/%d\n", key, i)}
			lines = append(lines, arriving{l, key + int64(rng.IntN(100))})
		}
		slices.SortStableFunc(lines, func(a, b arriving) int { return cmp.Compare(a.at, b.at) })
		w := Window{Hold: 100}
		var got []string
		emit := func(line []byte) error { got = append(got, string(line)); return nil }
		var want []dealt
		late := int64(0)
		for i := range lines {
			lines[i].arrival = i
			want = append(want, lines[i].dealt)
			now := start.Add(time.Duration(lines[i].at))
			// The clock never jumps over a line that is due.
			for next, ok := w.Next(); ok && next.Before(now); next, ok = w.Next() {
				w.Due(next, emit)
			}
			late += w.Add(now, lines[i].place, block(lines[i].dealt))
			w.Due(now, emit)
		}
		w.Flush(emit)
		slices.SortStableFunc(want, compareDealt)
		if strings.Join(got, "") != text(want) || late != 0 {
			t.Fatalf("seed %d: %d late; first difference near %q", seed, late, difference(strings.Join(got, ""), text(want)))
		}
	}
}
