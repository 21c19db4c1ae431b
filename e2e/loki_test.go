package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// lokiCap is openfaas-loki's own: a higher limit is answered with nothing.
const lokiCap = 5000

// spread makes n lines between two ages, in bursts of as many that are of one nanosecond and spread over three
// streams. Now and then a line comes twice, text and all.
func spread(base time.Time, oldest, newest time.Duration, n, burst int) []sample.Line {
	lines := make([]sample.Line, n)
	bursts := (n + burst - 1) / burst
	for i := range lines {
		step := (oldest - newest) / time.Duration(bursts)
		text := fmt.Sprintf("line %d of %v", i, oldest)
		if i%100 == 3 {
			text = lines[i-3].Text // of the same stream
		}
		lines[i] = sample.Line{
			Instance: fmt.Sprintf("pod-%d", i%3),
			Time:     base.Add(-oldest + step*time.Duration(i/burst)),
			Text:     text,
		}
	}
	return lines
}

// wires are the lines as openfaas-loki sends them.
func wires(name string, lines []sample.Line) []string {
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = lokiHabit.writes(name, l).wire()
	}
	return all
}

// checkNewest checks that the answer is the newest of all lines, ascending, each as often as it happened. Where lines of
// one instant come from several streams their order is the provider's, so it is not looked at, and neither is which of
// the oldest instant's are the ones that tail keeps. A tail of 0 is all.
func (a answer) checkNewest(all []string, tail int) {
	a.t.Helper()
	if tail == 0 {
		tail = len(all)
	}
	ascending := func(x, y stamped) int { return x.at.Compare(y.at) }
	got, want := stamp(a.t, a.lines), stamp(a.t, all)
	if !slices.IsSortedFunc(got, ascending) {
		a.t.Error("the answer is not ascending by timestamp")
	}
	slices.SortFunc(want, stamped.compare)
	slices.SortFunc(got, stamped.compare)
	if n := min(tail, len(want)); len(got) != n {
		a.t.Errorf("%d lines, want %d", len(got), n)
		return
	}
	if len(got) == 0 {
		return
	}
	// Of the oldest instant some may be cut off; the rest must all be there.
	cut := want[len(want)-len(got)].at
	left := map[string]int{}
	for _, s := range want {
		left[s.line]++
	}
	for _, s := range got {
		if left[s.line]--; left[s.line] < 0 {
			a.t.Fatalf("too often, or never logged: %s", s.line)
		}
		if s.at.Before(cut) {
			a.t.Fatalf("older than the newest %d: %s", len(got), s.line)
		}
	}
	for _, s := range want {
		if s.at.After(cut) && left[s.line] > 0 {
			a.t.Fatalf("missing: %s", s.line)
		}
	}
}

// stamped is a line with its timestamp.
type stamped struct {
	at   time.Time
	line string
}

func (s stamped) compare(o stamped) int {
	if c := s.at.Compare(o.at); c != 0 {
		return c
	}
	return strings.Compare(s.line, o.line)
}

func stamp(t *testing.T, lines []string) []stamped {
	t.Helper()
	all := make([]stamped, len(lines))
	for i, line := range lines {
		all[i] = stamped{timestampOf(t, line), line}
	}
	return all
}

// startLoki puts logmux in front of an openfaas-loki with these lines.
func startLoki(t *testing.T, config string, functions map[string][]sample.Line) (*daemon, *sample.Recorder) {
	t.Helper()
	store := &sample.Store{}
	for name, lines := range functions {
		store.Append(name, lines...)
	}
	url, asked := recorded(t, buffered(&sample.Loki{Store: store, Interleave: true, Seed: 7}))
	return start(t, "upstreams: [{name: loki, kind: openfaas-loki, url: $loki"+config+"}]", hosts{"loki": url}), asked
}

// withinCap checks what openfaas-loki was asked since the first n requests, and returns how many those are.
func withinCap(t *testing.T, asked *sample.Recorder, n int) int {
	t.Helper()
	queries := asked.Queries()[n:]
	for _, q := range queries {
		limit, err := strconv.Atoi(q.Get("tail"))
		if err != nil || limit < 1 || limit > lokiCap {
			t.Errorf("asked with the limit %q, want 1 to %d", q.Get("tail"), lokiCap)
		}
	}
	return len(queries)
}

var distributions = []struct {
	name  string
	lines func(base time.Time) []sample.Line
}{
	{"uniform", func(base time.Time) []sample.Line {
		return spread(base, 50*time.Minute, 3*time.Second, 12_345, 40)
	}},
	{"dense at the end", func(base time.Time) []sample.Line {
		return slices.Concat(spread(base, 50*time.Minute, 70*time.Second, 345, 1), spread(base, time.Minute, 3*time.Second, 12_000, 40))
	}},
	{"nearly all in the last second", func(base time.Time) []sample.Line {
		return slices.Concat(spread(base, 50*time.Minute, 70*time.Second, 345, 1), spread(base, 3*time.Second, 2*time.Second, 12_000, 40))
	}},
	{"dense at the start", func(base time.Time) []sample.Line {
		return slices.Concat(spread(base, 50*time.Minute, 49*time.Minute, 12_000, 40), spread(base, 48*time.Minute, 3*time.Second, 345, 1))
	}},
	{"one burst in the middle", func(base time.Time) []sample.Line {
		return slices.Concat(spread(base, 50*time.Minute, 26*time.Minute, 200, 1),
			spread(base, 25*time.Minute, 25*time.Minute-10*time.Millisecond, 12_000, 40), spread(base, 24*time.Minute, 3*time.Second, 145, 1))
	}},
	{"ever denser", func(base time.Time) []sample.Line {
		var lines []sample.Line
		for age := 50 * time.Minute; age > 4*time.Second; age /= 2 {
			lines = append(lines, spread(base, age, age/2, 1300, 40)...)
		}
		return lines
	}},
}

// TestLokiDistributions asks for everything, and for the newest, of a provider that gives the oldest 5,000.
func TestLokiDistributions(t *testing.T) {
	for _, d := range distributions {
		t.Run(d.name, func(t *testing.T) {
			lines := d.lines(time.Now())
			logmux, asked := startLoki(t, "", map[string][]sample.Line{"fn": lines})
			all := wires("fn", lines)
			for _, tail := range []int{0, 6000, 4999, 100, 5} {
				t.Run(fmt.Sprintf("tail=%d", tail), func(t *testing.T) {
					before := len(asked.Queries())
					logmux.of(t).logs(request{name: "fn", tail: tail}).ok().silent().checkNewest(all, tail)
					n := withinCap(t, asked, before)
					if tail > 0 && tail < lokiCap && n > 10 {
						t.Errorf("%d requests for a tail, want 10 at most", n)
					}
					if most := len(all)/(lokiCap-40) + 1; (tail == 0 || tail >= lokiCap) && n > most {
						t.Errorf("%d requests for %d lines, want %d at most", n, len(all), most)
					}
				})
			}
		})
	}
}

// TestLokiRandomDistributions asks for the newest of lines in random clusters: the answer is exact, or says that it is not.
func TestLokiRandomDistributions(t *testing.T) {
	if testing.Short() {
		t.Skip("many requests")
	}
	base := time.Now()
	rng := rand.New(rand.NewPCG(1, 2))
	functions := map[string][]sample.Line{}
	for i := range 25 {
		var lines []sample.Line
		for age := 50 * time.Minute; age > 5*time.Second; {
			length := time.Duration(float64(age) * rng.Float64() * rng.Float64())
			lines = append(lines, spread(base, age, age-length, 1+rng.IntN(150), 1+rng.IntN(20))...)
			age -= length + time.Duration(rng.Int64N(int64(age-length)+1))
		}
		functions[fmt.Sprint("fn", i)] = lines
	}
	logmux, asked := startLoki(t, ", max_limit: 250", functions)
	for name, lines := range functions {
		all := wires(name, lines)
		for _, tail := range []int{1, 20, 100, 240} {
			t.Run(fmt.Sprintf("%s of %d, tail=%d", name, len(lines), tail), func(t *testing.T) {
				before := len(asked.Queries())
				got := logmux.of(t).logs(request{name: name, tail: tail}).ok()
				if n := withinCap(t, asked, before); n > 10 {
					t.Errorf("%d requests, want 10 at most", n)
				}
				if len(got.warnings) == 0 {
					got.checkNewest(all, tail)
				} else {
					got.warns([]string{"loki"}).onlyLogged(all)
				}
			})
		}
	}
}

// onlyLogged checks that no line is there more often than it happened.
func (a answer) onlyLogged(all []string) {
	a.t.Helper()
	left := map[string]int{}
	for _, line := range all {
		left[line]++
	}
	for _, line := range a.lines {
		if left[line]--; left[line] < 0 {
			a.t.Fatalf("too often, or never logged: %s", line)
		}
	}
}

// TestLokiOneInstant has more lines in one nanosecond than one answer holds: nobody can have them all.
func TestLokiOneInstant(t *testing.T) {
	base := time.Now()
	before := spread(base, 20*time.Minute, 15*time.Minute, 700, 7)
	after := spread(base, 5*time.Minute, 3*time.Second, 900, 9)
	instant := spread(base, 10*time.Minute, 10*time.Minute, 6000, 6000)
	lines := slices.Concat(before, instant, after)
	logmux, asked := startLoki(t, "", map[string][]sample.Line{"fn": lines, "only": instant})
	all := wires("fn", lines)

	t.Run("all", func(t *testing.T) {
		got := logmux.of(t).logs(request{name: "fn"}).ok().warns([]string{"loki", "missing", "5000"})
		got.onlyLogged(all)
		if n := len(got.lines); n < 700+lokiCap+900 || n > len(all) {
			t.Errorf("%d lines, want at least %d", n, 700+lokiCap+900)
		}
		got.lines = got.lines[len(got.lines)-900:]
		got.checkNewest(all, 900)
	})
	t.Run("tail after it", func(t *testing.T) {
		logmux.of(t).logs(request{name: "fn", tail: 800}).ok().silent().checkNewest(all, 800)
	})
	t.Run("tail into it", func(t *testing.T) {
		before := len(asked.Queries())
		got := logmux.of(t).logs(request{name: "fn", tail: 4000}).ok()
		got.onlyLogged(all)
		if len(got.warnings) == 0 {
			got.checkNewest(all, 4000)
		}
		got.lines = got.lines[max(0, len(got.lines)-900):]
		got.checkNewest(all, 900)
		if n := withinCap(t, asked, before); n > 10 {
			t.Errorf("%d requests, want 10 at most", n)
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		only := wires("only", instant)
		for _, tail := range []int{0, 5500} {
			got := logmux.of(t).logs(request{name: "only", tail: tail}).ok().warns([]string{"loki", "missing"})
			got.onlyLogged(only)
			if len(got.lines) < lokiCap {
				t.Errorf("tail=%d: %d lines, want at least %d", tail, len(got.lines), lokiCap)
			}
		}
	})
	t.Run("nothing else, a tail that one answer holds", func(t *testing.T) {
		got := logmux.of(t).logs(request{name: "only", tail: 10}).ok()
		got.onlyLogged(wires("only", instant))
		// Any ten of the instant are its newest: they are equal. But ten there must be.
		if len(got.lines) != 10 {
			t.Errorf("%d lines, want 10", len(got.lines))
		}
	})
	withinCap(t, asked, 0)
}

// TestLokiLookback asks for more than Loki looks back: it would answer nothing at all.
func TestLokiLookback(t *testing.T) {
	const day = 24 * time.Hour
	base := time.Now()
	old := spread(base, 29*day, 25*day, 300, 3)
	young := spread(base, 20*time.Hour, 30*time.Minute, 300, 3)
	lines := slices.Concat(old, young)
	since := base.Add(-40 * day)
	for _, tt := range []struct {
		name, config string
		request
		want   []sample.Line
		warns  bool
		oldest time.Duration // of the age asked for, 0 for the request's own
	}{
		{"all since longer ago", "", request{since: since}, lines, true, 719 * time.Hour},
		{"a tail that is satisfied", "", request{since: since, tail: 250}, lines, false, 719 * time.Hour},
		{"a tail that is not", "", request{since: since, tail: 1000}, lines, true, 719 * time.Hour},
		{"a tail beyond the cap that is not", "", request{since: since, tail: 6000}, lines, true, 719 * time.Hour},
		{"all within", "", request{since: base.Add(-29*day - time.Hour)}, lines, false, 0},
		{"a day, as configured", ", max_lookback: 24h", request{since: base.Add(-2 * day)}, young, true, day},
		{"a day, not reached", ", max_lookback: 24h", request{since: base.Add(-21 * time.Hour)}, young, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logmux, asked := startLoki(t, tt.config, map[string][]sample.Line{"fn": lines})
			tt.request.name = "fn"
			got := logmux.logs(tt.request).ok()
			got.checkNewest(wires("fn", tt.want), tt.tail)
			if tt.warns {
				got.warns([]string{"loki", "missing"})
			} else {
				got.silent()
			}
			withinCap(t, asked, 0)
			for _, q := range asked.Queries() {
				if age := base.Sub(askedSince(t, q)); tt.oldest > 0 && age > tt.oldest {
					t.Errorf("asked since %v ago, want %v at most", age, tt.oldest)
				}
			}
		})
	}
}

func askedSince(t *testing.T, query url.Values) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, query.Get("since"))
	if err != nil {
		t.Fatalf("asked with %v: %v", query, err)
	}
	return at
}

// TestLokiThatIgnoresSince has a provider, of the wrong kind perhaps, that gives the same page for ever.
func TestLokiThatIgnoresSince(t *testing.T) {
	var page []string
	for i, line := range wires("fn", spread(time.Now(), 10*time.Minute, time.Minute, 150, 3)) {
		if i < 100 {
			page = append(page, line)
		}
	}
	for _, tt := range []struct {
		name string
		page []string
	}{
		{"messages", page},
		{"no messages", slices.Repeat([]string{"<br>\n"}, 100)},
		{"no messages behind messages", slices.Concat(page[:50], slices.Repeat([]string{"<br>\n"}, 50))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, asked := recorded(t, answers(tt.page...))
			logmux := start(t, "query: {timeout: 300ms}\nupstreams: [{name: loki, kind: openfaas-loki, max_limit: 100, url: $loki}]", hosts{"loki": url})
			for _, tail := range []int{0, 20} {
				before := len(asked.Queries())
				got := logmux.ask(request{name: "fn", tail: tail}.String())
				if n := len(asked.Queries()) - before; n > 10 {
					t.Errorf("tail=%d: asked %d times for the same page", tail, n)
				}
				if len(got.lines) > len(tt.page) {
					t.Errorf("tail=%d: %d lines of the %d there are", tail, len(got.lines), len(tt.page))
				}
			}
		})
	}
}

// TestLokiBreaksBetweenPages has a provider that fails after the first of several answers: what came is there, and a
// warning says that it is not all. openfaas-loki says with the very words of a missing function that Loki is gone.
func TestLokiBreaksBetweenPages(t *testing.T) {
	lines := spread(time.Now(), 50*time.Minute, time.Minute, 500, 4)
	store := &sample.Store{}
	store.Append("fn", lines...)
	loki := buffered(&sample.Loki{Store: store, MaxLimit: 100})
	for name, fault := range map[string]sample.Fault{
		"as if the function were gone": func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "function log request failed", http.StatusInternalServerError)
			})
		},
		"404":     sample.Refuse(http.StatusNotFound, nil),
		"503":     sample.Refuse(http.StatusServiceUnavailable, nil),
		"dropped": sample.Drop(),
		"hangs":   sample.HangBeforeHeader(),
		"cut":     sample.CutAfter(30),
		"a page":  sample.HTML(),
	} {
		t.Run(name, func(t *testing.T) {
			for _, tail := range []int{0, 50} {
				provider := &sample.Faults{Handler: loki}
				var first sync.Once
				url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					provider.ServeHTTP(w, r)
					first.Do(func() { provider.Set(fault) })
				}))
				other := message{"fn", "", "other", time.Now().Add(-time.Second).UTC(), "x"}.wire()
				logmux := start(t, `
defaults: {retry: {max: 0}, header_timeout: 300ms}
upstreams:
  - {name: loki, kind: openfaas-loki, max_limit: 100, url: $loki}
  - {name: other, url: $other}
`, hosts{"loki": url, "other": serve(t, answers(other))})
				got := logmux.logs(request{name: "fn", tail: tail}).ok()
				if len(got.warnings) != 1 || !strings.Contains(got.warnings[0], "loki") {
					t.Errorf("tail=%d: %d lines with the warnings %q, want one of loki", tail, len(got.lines), got.warnings)
				}
				if n := len(got.lines); tail == 0 && n < 101 || n < 1 {
					t.Errorf("tail=%d: %d lines, want those that came", tail, n)
				}
			}
		})
	}
}

// TestOldestWithoutCap has providers that keep the oldest of a tail but cap nothing, or round since.
func TestOldestWithoutCap(t *testing.T) {
	base := time.Now()
	lines := spread(base, 4*time.Minute, 3*time.Second, 4000, 3)
	for i := range lines {
		lines[i].Time = lines[i].Time.Truncate(time.Microsecond)
	}
	store := &sample.Store{}
	store.Append("fn", lines...)
	for _, tt := range []struct {
		name, config string
		habit
		provider http.Handler
	}{
		{"generic", "kind: generic, tail_mode: oldest", lokiHabit, &sample.Loki{Store: store, MaxLimit: 1 << 20, Interleave: true}},
		{"faasd with systemd 252", "kind: faasd, tail_mode: oldest", faasdHabit, &sample.Faasd{Store: store, Systemd: 252}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, asked := recorded(t, buffered(tt.provider))
			logmux := start(t, "upstreams: [{name: one, "+tt.config+", url: $one}]", hosts{"one": url})
			for _, r := range []request{
				{tail: 1}, {tail: 7}, {tail: 300}, {tail: 1500}, {tail: 5000}, {tail: 40, since: base.Add(-100 * time.Second)},
			} {
				r.name = "fn"
				all := tt.expect(request{name: "fn", since: r.since}, lines)
				before := len(asked.Queries())
				logmux.logs(r).ok().silent().checkNewest(all, r.tail)
				if n := len(asked.Queries()) - before; n > 10 {
					t.Errorf("%v: %d requests, want 10 at most", r, n)
				}
			}
		})
	}
}

// TestLokiPageWithinSlack has more lines within the slack than one answer holds: asked that much earlier, the provider
// would give the same page for ever. It may not all be had; then it is said, and nothing comes twice.
func TestLokiPageWithinSlack(t *testing.T) {
	lines := slices.Concat(spread(time.Now(), 10*time.Minute, 9*time.Minute, 50, 1), spread(time.Now(), 8*time.Second, 5*time.Second, 1200, 4))
	store := &sample.Store{}
	store.Append("fn", lines...)
	url, asked := recorded(t, buffered(&sample.Loki{Store: store, MaxLimit: 100}))
	logmux := start(t, "query: {timeout: 1s}\nupstreams: [{name: loki, kind: openfaas-loki, max_limit: 100, since_slack: 2s, url: $loki}]", hosts{"loki": url})
	all := wires("fn", lines)
	for _, tail := range []int{0, 20, 400} {
		t.Run(fmt.Sprintf("tail=%d", tail), func(t *testing.T) {
			before := len(asked.Queries())
			got := logmux.of(t).logs(request{name: "fn", tail: tail}).ok().says("Failed", "")
			if n := len(asked.Queries()) - before; n > 50 {
				t.Errorf("%d requests for 1,250 lines in pages of 100", n)
			}
			got.onlyLogged(all)
			if len(got.warnings) == 0 {
				got.checkNewest(all, tail)
			} else {
				got.warns([]string{"loki"})
			}
		})
	}
}
