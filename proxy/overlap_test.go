package proxy

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// overlapLine is a line with a key and what its bytes are.
type overlapLine struct {
	key  int64
	text string
}

var overlapSeed = maphash.MakeSeed()

func (l overlapLine) id() uint64 {
	return maphash.String(overlapSeed, l.text) ^ uint64(l.key)*0x9e3779b97f4a7c15
}

func overlapLines(texts ...string) (lines []overlapLine) {
	for _, text := range texts {
		lines = append(lines, overlapLine{int64(text[0]), text})
	}
	return lines
}

// asked is one more asking, and what of it passes.
func asked(o *overlap, lines []overlapLine) (passed []string) {
	o.begin()
	for _, l := range lines {
		if !o.repeated(l.key, l.id()) {
			passed = append(passed, l.text)
		}
	}
	return passed
}

func TestOverlapCounts(t *testing.T) {
	for _, test := range []struct {
		name    string
		askings [][]string
		want    [][]string // what passes of each
	}{
		{"nothing", [][]string{{}, {}}, [][]string{{}, {}}},
		{"each once", [][]string{{"a", "b"}, {"a", "b", "c"}}, [][]string{{"a", "b"}, {"c"}}},
		{"in another order", [][]string{{"a", "b", "c"}, {"d", "c", "a", "b"}}, [][]string{{"a", "b", "c"}, {"d"}}},
		{"two that are equal", [][]string{{"a", "a"}, {"a", "a"}}, [][]string{{"a", "a"}, {}}},
		{"a third that is equal", [][]string{{"a", "a"}, {"a", "a", "a"}}, [][]string{{"a", "a"}, {"a"}}},
		{"the second one later", [][]string{{"a"}, {"a", "a"}, {"a", "a"}}, [][]string{{"a"}, {"a"}, {}}},
		{"one fewer, then as many", [][]string{{"a", "a"}, {"a"}, {"a", "a"}, {"a", "a", "a"}}, [][]string{{"a", "a"}, {}, {}, {"a"}}},
		{"not in every asking", [][]string{{"a"}, {"b"}, {"a", "b"}}, [][]string{{"a"}, {"b"}, {}}},
		{"the same instant", [][]string{{"a1", "a2"}, {"a2", "a3", "a1"}}, [][]string{{"a1", "a2"}, {"a3"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOverlap()
			for i, asking := range test.askings {
				if got := asked(o, overlapLines(asking...)); !slices.Equal(got, test.want[i]) {
					t.Errorf("asking %d: %q passes, want %q", i+1, got, test.want[i])
				}
			}
		})
	}
}

// What makes lines equal is their instance, instant and text.
func TestOverlapIdentity(t *testing.T) {
	const first = `{"name":"fn","namespace":"","instance":"i","timestamp":"2026-11-22T12:00:00Z","text":"a<b"}` + "\n"
	for _, test := range []struct {
		name, first, line string
		repeated          bool
	}{
		{"itself", first, first, true},
		{"another namespace", first, strings.Replace(first, `"namespace":""`, `"namespace":"x"`, 1), true},
		{"the same instant", first, strings.Replace(first, "12:00:00Z", "13:00:00+01:00", 1), true},
		{"another text", first, strings.Replace(first, "a<b", "a<c", 1), false},
		{"another instance", first, strings.Replace(first, `"i"`, `"j"`, 1), false},
		{"another instant", first, strings.Replace(first, "12:00:00Z", "12:00:00.000000001Z", 1), false},
		{"the border is elsewhere", first, strings.NewReplacer(`"i"`, `"ia"`, "a<b", "<b").Replace(first), false},
		{"not canonical", `{"x":1,"text":"a","instance":"i","timestamp":"2026-11-22T12:00:00Z"}` + "\n",
			`{"x":2,"text":"a","instance":"i","timestamp":"2026-11-22T12:00:00Z"}` + "\n", true},
		{"not canonical, another text", `{"x":1,"text":"a","instance":"i","timestamp":"2026-11-22T12:00:00Z"}` + "\n",
			`{"x":1,"text":"b","instance":"i","timestamp":"2026-11-22T12:00:00Z"}` + "\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOverlap()
			key, id := identified(t, test.first)
			o.begin()
			o.repeated(key, id)
			key, id = identified(t, "\n", test.line)
			o.begin()
			if got := o.repeated(key, id); got != test.repeated {
				t.Errorf("repeated: %v, want %v", got, test.repeated)
			}
		})
	}
}

// identified is the key and the identity of the last of the lines.
func identified(t *testing.T, lines ...string) (int64, uint64) {
	t.Helper()
	r := line.NewReader(strings.NewReader(strings.Join(lines, "")), line.Options{IDs: true})
	b, err := r.Next()
	if err != nil || len(b.Lines) != 1 {
		t.Fatal(err, b)
	}
	return b.Lines[0].Key, b.IDs[0]
}

func TestOverlapForgets(t *testing.T) {
	o := newOverlap()
	var all []overlapLine
	for i := range 3 * minTidy {
		all = append(all, overlapLine{int64(i), fmt.Sprint(i)})
	}
	if got := asked(o, all); len(got) != len(all) {
		t.Fatalf("%d of %d pass", len(got), len(all))
	}
	const horizon = 2 * minTidy
	o.forget(horizon)
	if len(o.lines) > len(all)-horizon {
		t.Errorf("%d are remembered, want %d", len(o.lines), len(all)-horizon)
	}
	if o.known != horizon {
		t.Errorf("known from %d on, want %d", o.known, horizon)
	}
	more := append(slices.Clone(all), overlapLine{horizon - 1, "old, and new"}, overlapLine{horizon, "new"}, overlapLine{99999, "newer"})
	if got, want := asked(o, more), []string{"new", "newer"}; !slices.Equal(got, want) {
		t.Errorf("%.200q pass, want %q", got, want)
	}
	if want := int64(horizon + 1); o.replayed != want {
		t.Errorf("%d replayed, want %d", o.replayed, want)
	}
	if want := int64(len(all) - horizon); o.suppressed != want {
		t.Errorf("%d suppressed, want %d", o.suppressed, want)
	}
}

// While an answer goes on, what it brings late is not a replay, whatever was
// forgotten meanwhile.
func TestOverlapPassesWhatIsLateWithinAnAsking(t *testing.T) {
	o := newOverlap()
	o.begin()
	for i := range 5 * maxRemembered {
		l := overlapLine{int64(1000 + i), fmt.Sprint(i)}
		if o.repeated(l.key, l.id()) {
			t.Fatalf("line %d is no repetition", i)
		}
		o.forget(l.key - 100_000)
	}
	late := overlapLine{1, "late"}
	if o.repeated(late.key, late.id()) {
		t.Error("a line that is late within the asking was dropped")
	}
}

func TestOverlapMemory(t *testing.T) {
	const lines, most = 1_000_000, 4 << 20
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, test := range []struct {
		name string
		key  func(i int) int64
		old  int64 // the horizon below the last key
	}{
		{"all within the overlap", func(i int) int64 { return int64(i) }, lines},
		{"old ones can be forgotten", func(i int) int64 { return int64(i) }, 1000},
		{"all of one instant", func(int) int64 { return 7 }, lines},
		{"backwards", func(i int) int64 { return int64(lines - i) }, lines},
		{"two streams, far apart", func(i int) int64 { return int64(i%2*lines + i) }, 3 * lines},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOverlap()
			before := heap()
			peak := int64(0)
			for i := range lines {
				key := test.key(i)
				if o.asked == 0 || i%(lines/5) == 0 {
					o.begin()
				}
				o.repeated(key, uint64(i)*0x9e3779b97f4a7c15)
				if i%500 == 499 {
					o.forget(key - test.old)
				}
				if i%100_000 == 99_999 {
					peak = max(peak, heap()-before)
				}
			}
			if peak > most {
				t.Errorf("holds %d bytes, want %d at most", peak, most)
			}
			if len(o.lines) > maxRemembered+500 {
				t.Errorf("remembers %d lines, want %d at most", len(o.lines), maxRemembered)
			}
			runtime.KeepAlive(o)
		})
	}
}

// After a break with much to catch up with, a provider may send all of one pod
// and then all of another (faas-netes): what it sent of the other before the
// break must still be known by then.
func TestOverlapRemembersWhatTheNextAskingRepeats(t *testing.T) {
	const before, caughtUp = 2_000, 200_000
	line := func(pod string, i int) overlapLine { return overlapLine{int64(i), pod + fmt.Sprint(i)} }
	o := newOverlap()
	o.begin()
	for i := range before {
		for _, pod := range []string{"a", "b"} {
			l := line(pod, i)
			o.repeated(l.key, l.id())
		}
	}
	o.begin()
	twice := 0
	for _, pod := range []string{"a", "b"} {
		for i := range caughtUp {
			l := line(pod, i)
			if repeated := o.repeated(l.key, l.id()); i < before && !repeated {
				twice++
			} else if i >= before && repeated {
				t.Fatalf("line %d of %s is dropped", i, pod)
			}
			if i%500 == 499 {
				o.forget(-1)
			}
		}
	}
	if twice > 0 {
		t.Errorf("%d of %d lines pass for a second time", twice, 2*before)
	}
}

// FuzzOverlap holds it to the plain statement of what it does: of each line as
// many pass as it has come at most in one asking.
func FuzzOverlap(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(5), uint16(50))
	f.Add(uint64(2), uint8(1), uint8(1), uint16(0))
	f.Add(uint64(3), uint8(20), uint8(2), uint16(4000))
	f.Fuzz(func(t *testing.T, seed uint64, askings, distinct uint8, perAsking uint16) {
		rng := rand.New(rand.NewPCG(seed, 0))
		per := int(perAsking) % 4000
		var history []overlapLine // ascending
		now, horizon := int64(0), int64(0)
		o := newOverlap()
		most, passed := map[overlapLine]int{}, map[overlapLine]int{}
		for range askings {
			for range rng.IntN(per + 1) {
				now += int64(rng.IntN(3))
				history = append(history, overlapLine{now, fmt.Sprint("t", rng.IntN(int(distinct)+1))})
			}
			// From anywhere that is still known, as a provider that rounds may.
			horizon += rng.Int64N(now - horizon + 1)
			from, _ := slices.BinarySearchFunc(history, max(horizon, o.known), func(l overlapLine, key int64) int {
				if l.key < key {
					return -1
				}
				return 1
			})
			answer := slices.Clone(history[from:])
			rng.Shuffle(len(answer), func(i, j int) { answer[i], answer[j] = answer[j], answer[i] })
			answer = answer[:len(answer)-rng.IntN(len(answer)/4+1)] // cut off
			count := map[overlapLine]int{}
			o.begin()
			for _, l := range answer {
				count[l]++
				most[l] = max(most[l], count[l])
				if !o.repeated(l.key, l.id()) {
					passed[l]++
				}
			}
			o.forget(horizon)
		}
		for l, want := range most {
			if passed[l] != want {
				t.Fatalf("%v passed %d times, want %d", l, passed[l], want)
			}
		}
	})
}
