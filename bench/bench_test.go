//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// render returns what one upstream of a providers process would send, line by
// line, having read it as HTTP.
func render(t *testing.T, spec Providers, u int) [][]byte {
	t.Helper()
	p := &providers{spec: spec, dataset: newDataset(spec.Upstreams)}
	p.generate()
	raw := bytes.Join(p.answers[u], nil)
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("the chunks do not add up: %v", err)
	}
	return slices.Collect(bytes.Lines(body))
}

func keys(t *testing.T, lines [][]byte) []int64 {
	t.Helper()
	var keys []int64
	for _, line := range lines {
		at, err := lineTime(line)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, at.UnixNano())
	}
	return keys
}

func TestLinesAreCanonical(t *testing.T) {
	lines := render(t, Providers{Upstreams: 1, Lines: 10_000, Layout: Ordered}, 0)
	size := 0
	for _, line := range lines {
		size += len(line)
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		again, _ := json.Marshal(m)
		if want := string(again) + "\n"; string(line) != want {
			t.Fatalf("got  %swant %s", line, want)
		}
	}
	if mean := float64(size) / float64(len(lines)); mean < meanLine-1 || mean > meanLine+1 {
		t.Errorf("got lines of %.2f bytes on average, want %d", mean, meanLine)
	}
	all := bytes.Join(lines, nil)
	for _, escape := range []string{`\n`, `\"`, `\u003c`, `\u0026`, `\t`} {
		if !bytes.Contains(all, []byte(escape)) {
			t.Errorf("no %s in any line", escape)
		}
	}
}

func TestLayouts(t *testing.T) {
	const lines = 20_000
	tests := []struct {
		layout    Layout
		chunks    bool
		sorted    bool
		podSorted bool
	}{
		{layout: Ordered, sorted: true, podSorted: true},
		{layout: Ordered, chunks: true, sorted: true, podSorted: true},
		{layout: Pods, podSorted: true},
		{layout: Window},
		{layout: Shuffled},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.layout, test.chunks), func(t *testing.T) {
			spec := Providers{Upstreams: 3, Lines: lines, Layout: test.layout, LineChunks: test.chunks}
			var all []int64
			for u := range spec.Upstreams {
				sent := render(t, spec, u)
				got := keys(t, sent)
				if sorted := slices.IsSorted(got); sorted != test.sorted {
					t.Errorf("upstream %d: got sorted %t, want %t", u, sorted, test.sorted)
				}
				if sorted := podsSorted(t, sent); sorted != test.podSorted {
					t.Errorf("upstream %d: got pods sorted %t, want %t", u, sorted, test.podSorted)
				}
				all = append(all, got...)
			}
			slices.Sort(all)
			if got := len(slices.Compact(all)); got != lines {
				t.Errorf("got %d different timestamps, want %d", got, lines)
			}
		})
	}
}

func podsSorted(t *testing.T, lines [][]byte) bool {
	of := map[string][]int64{}
	for i, key := range keys(t, lines) {
		instance := strings.Split(string(lines[i]), `"`)[11]
		of[instance] = append(of[instance], key)
	}
	if len(of) != pods {
		t.Errorf("got %d pods, want %d", len(of), pods)
	}
	for _, keys := range of {
		if !slices.IsSorted(keys) {
			return false
		}
	}
	return true
}

func TestTailIsTheNewest(t *testing.T) {
	spec := Providers{Upstreams: 3, Lines: 5000, Layout: Shuffled, Tail: 100}
	all, tail := (&providers{spec: spec, dataset: newDataset(3)}).generate()
	var lines [][]byte
	for u := range spec.Upstreams {
		lines = append(lines, render(t, spec, u)...)
	}
	slices.SortFunc(lines, func(a, b []byte) int {
		return int(keys(t, [][]byte{a})[0] - keys(t, [][]byte{b})[0])
	})
	for _, test := range []struct {
		want  Content
		lines [][]byte
	}{{all, lines}, {tail, lines[len(lines)-100:]}} {
		c := checker{}
		c.write(bytes.Join(test.lines, nil))
		if err := c.end(test.want); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckerSeesWhatIsWrong(t *testing.T) {
	lines := render(t, Providers{Upstreams: 1, Lines: 100, Layout: Ordered}, 0)
	var want Content
	for _, line := range lines {
		want.add(line)
	}
	replaced := func(i int, line []byte) [][]byte {
		changed := slices.Clone(lines)
		changed[i] = line
		return changed
	}
	swapped := slices.Clone(lines)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	tests := []struct {
		name  string
		lines [][]byte
		want  string
	}{
		{"right", lines, ""},
		{"missing", lines[1:], "99 lines, want 100"},
		{"twice", replaced(5, lines[4]), "not the right ones"},
		{"swapped", swapped, "not ascending"},
		{"changed", replaced(5, bytes.Replace(lines[5], []byte("0"), []byte("1"), 1)), "not the right ones"},
		{"no timestamp", replaced(5, []byte("{}\n")), "no timestamp"},
		{"cut", replaced(99, lines[99][:50]), "cut"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := checker{}
			for piece := range slices.Chunk(bytes.Join(test.lines, nil), 1000) {
				c.write(piece)
			}
			err := c.end(want)
			if got := fmt.Sprint(err); test.want != "" && !strings.Contains(got, test.want) || test.want == "" && err != nil {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestLiveLinesAscendFromNow(t *testing.T) {
	var out bytes.Buffer
	before := time.Now().UnixNano()
	live := liveStream{dataset: newDataset(1)}
	if err := live.send(&out, 1000); err != nil {
		t.Fatal(err)
	}
	raw := answerHead + out.String() + answerEnd
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := keys(t, slices.Collect(bytes.Lines(body)))
	if len(got) != 1000 || got[0] < before || !slices.IsSorted(got) || len(slices.Compact(got)) != 1000 {
		t.Errorf("got %d lines from %d on, want 1000 ascending ones after %d", len(got), got[0], before)
	}
}

func TestMedianQuantileRatio(t *testing.T) {
	tests := []struct {
		name      string
		got, want float64
	}{
		{"median of one", median([]float64{4}), 4},
		{"median of three", median([]float64{9, 1, 5}), 5},
		{"median of four", median([]float64{9, 1, 5, 7}), 6},
		{"p99 of 100", quantile(count100(), 0.99), 99},
		{"p50 of 100", quantile(count100(), 0.5), 50},
		{"p99 of 2", quantile([]float64{2, 1}, 0.99), 2},
		{"p0", quantile([]float64{2, 1}, 0), 1},
		{"ratio within rounds", ratio([]float64{2, 20, 6}, []float64{1, 10, 2}), 2},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %g, want %g", test.name, test.got, test.want)
		}
	}
}

func count100() []float64 {
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(100 - i)
	}
	return values
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		goal  Goal
		value float64
		want  string
	}{
		{ratioGoal(2, 1), 1, "met aim"},
		{ratioGoal(2, 1), 1.5, "met must"},
		{ratioGoal(2, 1), 2.1, "MISSED"},
		{timesGoal(14, 24), 25, "met aim"},
		{timesGoal(14, 24), 14, "met must"},
		{timesGoal(14, 24), 13.9, "MISSED"},
	}
	for _, test := range tests {
		if got := test.goal.verdict(test.value); got != test.want {
			t.Errorf("%g against %+v: got %s, want %s", test.value, test.goal, got, test.want)
		}
	}
}

func TestTurnsAreFair(t *testing.T) {
	if got, want := fmt.Sprint(turns(0, 3), turns(1, 3), turns(2, 3)), "[0 1 2] [2 1 0] [0 1 2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCPUTimeIsTheKernelsOwn(t *testing.T) {
	usage := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	low := usage()
	got, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// getrusage may lag by a tick of the scheduler.
	if high := usage() + 20*time.Millisecond; got < low-time.Millisecond || got > high {
		t.Errorf("got %v, want between %v and %v", got, low, high)
	}
}

func TestYAML(t *testing.T) {
	got := Config{Ordered: true, Window: "0", QueryMemory: "64MiB"}.yaml("127.0.0.1:1", []string{"http://a/u0"})
	want := `server:
  listen: "127.0.0.1:1"
  max_requests: 2000
  memory_limit: 4GiB
query:
  timeout: 10m
  follow_timeout: 1h
  memory_limit: 64MiB
  reorder_window: 0
upstreams:
  - name: u0
    url: http://a/u0
    idle_timeout: 1m
    ordered: true
    tail_mode: newest
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
