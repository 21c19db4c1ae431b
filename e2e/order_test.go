package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestOrderOfEqualInstants has three providers with lines of the same instants: the place in the config decides, then
// arrival. Providers that are trusted and those that are not must make no difference.
func TestOrderOfEqualInstants(t *testing.T) {
	base := time.Date(2026, 5, 6, 7, 8, 9, 800_000_000, time.UTC)
	rng := rand.New(rand.NewPCG(3, 4))
	type placed struct {
		at    time.Time
		place int
		line  string
	}
	var all []placed
	bodies := make([][]string, 3)
	for place := range bodies {
		for i := range 400 {
			// .8Z is later than .80043Z as text, and earlier as time.
			at := base.Add(time.Duration(i/20) * 430 * time.Microsecond)
			all = append(all, placed{at, place, message{"fn", "", fmt.Sprint("p", rng.IntN(3)), at, fmt.Sprint(place, " ", i)}.wire()})
			bodies[place] = append(bodies[place], all[len(all)-1].line)
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.place - b.place
	})
	var want []string
	for _, p := range all {
		want = append(want, p.line)
	}
	to := hosts{"a": serve(t, answers(bodies[0]...)), "b": serve(t, answers(bodies[1]...)), "c": serve(t, answers(bodies[2]...))}
	for name, defaults := range map[string]string{"gathered": "{}", "streamed": "{ordered: true}"} {
		t.Run(name, func(t *testing.T) {
			logmux := start(t, "defaults: "+defaults+"\nupstreams: [{name: a, url: $a}, {name: b, url: $b}, {name: c, url: $c}]", to)
			for _, tail := range []int{0, 1, 59, 60, 61, 777, 1200} {
				cut := want
				if tail > 0 {
					cut = want[len(want)-tail:]
				}
				logmux.logs(request{name: "fn", tail: tail}).ok().silent().says("Ok", "a,b,c").has(cut)
			}
		})
	}
}
