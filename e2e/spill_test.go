package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxMemory is how much RAM a process may have had, whatever the size of the answer.
const maxMemory = 96 << 20

// A flood is what many providers hold, in no order at all, and what is to come of it.
type flood struct {
	bodies [][]byte
	sorted []torrent // by time, place, arrival
}

// A torrent is a line of a flood.
type torrent struct {
	at   int64
	line []byte // with its newline
}

// newFlood makes so many bytes of lines, about 500 each, many of which share their instant.
func newFlood(providers, size int) *flood {
	rng := rand.New(rand.NewPCG(5, 6))
	f := &flood{}
	hour := time.Now().Add(-time.Hour).Truncate(time.Second)
	filler := []byte(strings.Repeat("All happy families are alike. ", 30))
	type placed struct{ place, start, end int }
	var all []placed
	var keys []int64
	for place := range providers {
		body := make([]byte, 0, size/providers+1000)
		for len(body) < size/providers {
			at := hour.Add(time.Duration(rng.IntN(36_000)) * 100 * time.Millisecond)
			start := len(body)
			body = fmt.Appendf(body, `{"name":"fn","namespace":"","instance":"p%d-%d","timestamp":"`, place, rng.IntN(9))
			body = at.UTC().AppendFormat(body, time.RFC3339Nano)
			body = fmt.Appendf(body, `","text":"%d %s"}`+"\n", len(all), filler[:rng.IntN(800)])
			all = append(all, placed{place, start, len(body)})
			keys = append(keys, at.UnixNano())
		}
		f.bodies = append(f.bodies, body)
	}
	for i, p := range all {
		f.sorted = append(f.sorted, torrent{keys[i], f.bodies[p.place][p.start:p.end]})
	}
	slices.SortStableFunc(f.sorted, func(a, b torrent) int { return cmp.Compare(a.at, b.at) })
	return f
}

// serve starts logmux with a `query` section in front of the flood, and beside it a provider of one line for "small".
func (f *flood) serve(t *testing.T, config string) *daemon {
	t.Helper()
	var b strings.Builder
	b.WriteString(config + "\nupstreams:\n")
	to := hosts{"listen": "'127.0.0.1:0'"}
	for i, body := range f.bodies {
		name := fmt.Sprint("p", i)
		fmt.Fprintf(&b, "  - {name: %s, url: $%s, match: {names: [fn]}}\n", name, name)
		to[name] = serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	}
	b.WriteString("  - {name: small, url: $small, match: {names: [small]}}\n")
	to["small"] = serve(t, answers(smallLine))
	return start(t, b.String(), to)
}

const smallLine = `{"name":"small","namespace":"","instance":"p","timestamp":"2026-01-02T03:04:05Z","text":"x"}` + "\n"

// checkSmall checks that the process does its work.
func (d *daemon) checkSmall() {
	d.t.Helper()
	d.ask("name=small").ok().silent().has([]string{smallLine})
}

// checkLines reads the answer against what is to come, from a start on, and returns what it reads behind that.
func checkLines(t *testing.T, body io.Reader, want []torrent) (rest []string) {
	t.Helper()
	r := bufio.NewReaderSize(body, 1<<20)
	for i := 0; ; i++ {
		line, err := r.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			if i < len(want) {
				t.Fatalf("the answer ends after %d lines of %d", i, len(want))
			}
			return rest
		}
		if err != nil {
			t.Fatalf("line %d of %d: %v", i, len(want), err)
		}
		if i >= len(want) {
			rest = append(rest, string(line))
		} else if !bytes.Equal(line, want[i].line) {
			t.Fatalf("line %d of %d:\n got %.150s\nwant %.150s", i, len(want), line, want[i].line)
		}
	}
}

// leftovers are the files of a directory, and those without a name that the process still has open.
func (d *daemon) leftovers(dir string) (files []string) {
	d.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, e.Name())
	}
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.pid))
	for _, fd := range open {
		if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, dir) {
			files = append(files, name)
		}
	}
	return files
}

func (d *daemon) checkNoLeftovers(dir string) {
	d.t.Helper()
	eventually(d.t, "no spill file is open", func() bool { return len(d.leftovers(dir)) == 0 })
}

func (d *daemon) checkMemory() {
	d.t.Helper()
	got := d.memory()
	d.t.Logf("%d MiB at most", got>>20)
	if got > maxMemory {
		d.t.Errorf("the process had %d MiB, want %d at most", got>>20, maxMemory>>20)
	}
}

func sizes() (flood int, limit string) {
	if os.Getenv("LOGMUX_E2E_BIG") != "" {
		return 450 << 20, "32MiB"
	}
	return 60 << 20, "4MiB"
}

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many bytes")
	}
}

// TestSpill takes much more than fits in memory, and gives it back in order.
func TestSpill(t *testing.T) {
	skipShort(t)
	size, limit := sizes()
	f := newFlood(8, size)
	dir := t.TempDir()
	for _, tt := range []struct{ name, config string }{
		{"by the request's memory", fmt.Sprintf("query: {memory_limit: %s, spill_dir: %s}", limit, dir)},
		{"by all requests' memory", fmt.Sprintf("server: {listen: $listen, memory_limit: %s}\nquery: {spill_dir: %s}", limit, dir)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logmux := f.serve(t, tt.config)
			for _, tail := range []int{0, len(f.sorted) / 2, 1000} {
				resp := logmux.open(request{name: "fn", tail: tail}.String())
				want := f.sorted
				if tail > 0 {
					want = want[len(want)-tail:]
				}
				if rest := checkLines(t, resp.Body, want); len(rest) > 0 {
					t.Errorf("tail=%d: behind the lines stands %q", tail, rest)
				}
				resp.Body.Close()
				logmux.checkNoLeftovers(dir)
			}
			logmux.checkSmall()
			logmux.checkMemory()
		})
	}
}

// TestSpillTwice has two requests at once that spill, and one that does not.
func TestSpillTwice(t *testing.T) {
	skipShort(t)
	f := newFlood(4, 20<<20)
	dir := t.TempDir()
	logmux := f.serve(t, fmt.Sprintf("query: {memory_limit: 4MiB, spill_dir: %s}", dir))
	first, second := logmux.open("name=fn"), logmux.open("name=fn")
	defer first.Body.Close()
	defer second.Body.Close()
	logmux.checkSmall()
	checkLines(t, second.Body, f.sorted)
	checkLines(t, first.Body, f.sorted)
	logmux.checkNoLeftovers(dir)
	logmux.checkMemory()
}

// TestSpillClientLeaves has a client that hangs up half-way, and others before the first byte.
func TestSpillClientLeaves(t *testing.T) {
	skipShort(t)
	f := newFlood(8, 30<<20)
	dir := t.TempDir()
	logmux := f.serve(t, fmt.Sprintf("query: {memory_limit: 4MiB, spill_dir: %s}", dir))
	resp := logmux.open("name=fn")
	if _, err := io.CopyN(io.Discard, resp.Body, 10<<20); err != nil {
		t.Fatal(err)
	}
	if files := logmux.leftovers(dir); len(files) == 0 {
		t.Error("no spill file is open half-way, so this shows nothing")
	}
	resp.Body.Close()
	logmux.checkNoLeftovers(dir)

	impatient := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Millisecond}
	defer impatient.CloseIdleConnections()
	for range 3 {
		if resp, err := impatient.Get(logmux.url + "/system/logs?name=fn"); err == nil {
			resp.Body.Close()
		}
	}
	logmux.checkNoLeftovers(dir)
	logmux.checkSmall()
	logmux.checkMemory()
}

// TestSpillKilled ends the process at once, in the middle of an answer: nothing stays on disk.
func TestSpillKilled(t *testing.T) {
	skipShort(t)
	f := newFlood(8, 30<<20)
	dir := t.TempDir()
	logmux := f.serve(t, fmt.Sprintf("query: {memory_limit: 4MiB, spill_dir: %s}", dir))
	resp := logmux.open("name=fn")
	defer resp.Body.Close()
	if files := logmux.leftovers(dir); len(files) == 0 {
		t.Error("no spill file is open, so this shows nothing")
	}
	logmux.kill()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the cut answer looks like a whole one")
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestSpillShutdown stops the process in the middle of an answer: it is finished, nobody new is let in.
func TestSpillShutdown(t *testing.T) {
	skipShort(t)
	f := newFlood(8, 30<<20)
	dir := t.TempDir()
	logmux := f.serve(t, fmt.Sprintf("query: {memory_limit: 4MiB, spill_dir: %s}", dir))
	resp := logmux.open("name=fn")
	defer resp.Body.Close()
	start := make([]byte, 6<<20)
	if _, err := io.ReadFull(resp.Body, start); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(logmux.pid, syscall.SIGTERM)
	eventually(t, "not ready", func() bool { return logmux.status("/readyz") == http.StatusServiceUnavailable })
	if got := logmux.status("/healthz"); got != http.StatusOK {
		t.Errorf("/healthz: status %d, want 200", got)
	}
	refused := logmux.ask("name=small")
	if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
		t.Errorf("status %d with Retry-After %q, want 503 and a time", refused.status, refused.header.Get("Retry-After"))
	}
	if rest := checkLines(t, io.MultiReader(bytes.NewReader(start), resp.Body), f.sorted); len(rest) > 0 {
		t.Errorf("behind the lines stands %q", rest)
	}
	if code := logmux.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestSpillShutdownTimeout has a client that is too slow for the end: its answer is cut off, and looks so.
func TestSpillShutdownTimeout(t *testing.T) {
	skipShort(t)
	f := newFlood(8, 30<<20)
	dir := t.TempDir()
	logmux := f.serve(t, fmt.Sprintf("server: {listen: $listen, shutdown_timeout: 300ms}\nquery: {memory_limit: 4MiB, spill_dir: %s}", dir))
	resp := logmux.open("name=fn")
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(logmux.pid, syscall.SIGTERM)
	begin := time.Now()
	if code := logmux.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v to end", took)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the cut answer looks like a whole one")
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestSpillFails has no room on disk: the newest lines come, and a warning says exactly what does not.
func TestSpillFails(t *testing.T) {
	skipShort(t)
	f := newFlood(8, 16<<20)
	gone := filepath.Join(t.TempDir(), "gone")
	for _, tt := range []struct {
		name, config string
		before       func(*testing.T) // the request
	}{
		{"the directory is removed", fmt.Sprintf("query: {memory_limit: 4MiB, spill_dir: %s}", gone), func(*testing.T) { os.Remove(gone) }},
		{"the limit is one MiB", "query: {memory_limit: 4MiB, spill_limit: 1MiB}", func(*testing.T) {}},
		{"the limit is ten MiB", "query: {memory_limit: 4MiB, spill_limit: 10MiB}", func(*testing.T) {}},
		{"the limit is 0, which never spills", "query: {memory_limit: 4MiB, spill_limit: 0}", func(*testing.T) {}},
		{"the disk is full", fmt.Sprintf("query: {memory_limit: 4MiB, spill_dir: %s}", gone), func(t *testing.T) { tinyDisk(t, gone) }},
		{"the limit is one MiB, all requests' memory", "server: {listen: $listen, memory_limit: 4MiB}\nquery: {spill_limit: 1MiB}", func(*testing.T) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.MkdirAll(gone, 0o700); err != nil {
				t.Fatal(err)
			}
			logmux := f.serve(t, tt.config)
			tt.before(t)
			for _, tail := range []int{0, len(f.sorted) * 9 / 10} {
				t.Run(fmt.Sprint("tail=", tail), func(t *testing.T) {
					want := f.sorted
					if tail > 0 {
						want = want[len(want)-tail:]
					}
					checkMissing(t, logmux.of(t).logs(request{name: "fn", tail: tail}), want)
				})
			}
			logmux.logs(request{name: "fn", tail: 100}).ok().silent().has(f.newest(100))
			logmux.checkSmall()
			logmux.checkMemory()
		})
	}
}

// tinyDisk puts a file system of three MiB at the directory.
func tinyDisk(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=3m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", dir).Run() })
}

func (f *flood) newest(n int) (lines []string) {
	for _, l := range f.sorted[len(f.sorted)-n:] {
		lines = append(lines, string(l.line))
	}
	return lines
}

// checkMissing checks an answer that lacks the oldest of what is wanted: the rest is there without a gap, and the
// warning says how many lines are missing, and before when.
func checkMissing(t *testing.T, got answer, want []torrent) {
	t.Helper()
	got.ok()
	if len(got.warnings) != 1 {
		t.Fatalf("%d lines of %d, and the warnings %q; want one", len(got.lines), len(want), got.warnings)
	}
	var missing int
	var before string
	if _, err := fmt.Sscanf(got.warnings[0], "logmux: %d lines before %s are missing", &missing, &before); err != nil {
		t.Fatalf("warning %q: %v", got.warnings[0], err)
	}
	at, err := time.Parse(time.RFC3339Nano, before)
	if err != nil {
		t.Fatalf("warning %q: %v", got.warnings[0], err)
	}
	if missing+len(got.lines) != len(want) {
		t.Errorf("%d lines, and %d are said to be missing: that is %d, want %d", len(got.lines), missing, missing+len(got.lines), len(want))
	}
	if len(got.lines) < len(want)/50 {
		t.Errorf("only %d lines of %d", len(got.lines), len(want))
	}
	// All that are not before the time must be there, but those of the instant itself may be cut.
	newest := want[max(0, len(want)-len(got.lines)):]
	for i, line := range got.lines {
		if line != string(newest[i].line) {
			t.Fatalf("line %d of %d:\n got %.150s\nwant %.150s", i, len(got.lines), line, newest[i].line)
		}
	}
	if first := time.Unix(0, newest[0].at); first.Before(at) {
		t.Errorf("the first line is of %v, but all before %v are said to be missing", first, at)
	}
	if n := len(want) - len(newest); n > 0 && want[n-1].at >= at.UnixNano() {
		t.Errorf("the lines before %v are said to be missing, and one of %v is", at, time.Unix(0, want[n-1].at))
	}
}

// TestSpillCopies has a replica group of three whose lines do not fit in memory: every line comes once all the same.
func TestSpillCopies(t *testing.T) {
	skipShort(t)
	f := newFlood(1, 8<<20)
	for i := range 2 {
		copied := bytes.SplitAfter(f.bodies[0], []byte("\n"))
		rng := rand.New(rand.NewPCG(uint64(i), 0))
		rng.Shuffle(len(copied), func(i, j int) { copied[i], copied[j] = copied[j], copied[i] })
		f.bodies = append(f.bodies, bytes.Join(copied, nil))
	}
	const group = "defaults: {replica_group: eu}\n"
	t.Run("complete", func(t *testing.T) {
		logmux := f.serve(t, group+"query: {memory_limit: 4MiB}")
		for _, tail := range []int{0, 1, 100, 5000, len(f.sorted) - 1, len(f.sorted), len(f.sorted) + 1} {
			want := f.sorted
			if tail > 0 {
				want = want[max(0, len(want)-tail):]
			}
			resp := logmux.open(request{name: "fn", tail: tail}.String())
			if rest := checkLines(t, resp.Body, want); len(rest) > 0 {
				t.Errorf("tail=%d: %d lines stand behind those that are wanted", tail, len(rest))
			}
			resp.Body.Close()
		}
		logmux.checkMemory()
	})
	t.Run("incomplete", func(t *testing.T) {
		got := f.serve(t, group+"query: {memory_limit: 4MiB, spill_limit: 1MiB}").logs(request{name: "fn"}).ok()
		if len(got.warnings) == 1 && strings.Contains(got.warnings[0], "at most") {
			return // which of the lines that were dropped are copies nobody remembers
		}
		checkMissing(t, got, f.sorted)
	})
}

// TestSpillWarnings has an upstream fail beside a flood that is spilled: the warning is the last line.
func TestSpillWarnings(t *testing.T) {
	skipShort(t)
	f := newFlood(2, 8<<20)
	f.bodies[1] = append(f.bodies[1], `{"name":"fn","ti`...)
	logmux := f.serve(t, "query: {memory_limit: 4MiB}")
	got := logmux.logs(request{name: "fn"}).ok().says("Ok", "p0").says("Failed", "p1=truncated").warns([]string{"p1", "truncated"})
	cut := func(line string) bool { return strings.Contains(line, `"instance":"p1"`) }
	if n := len(got.lines); n != len(f.sorted)+1 {
		t.Errorf("%d lines, want %d and the one that is cut", n, len(f.sorted))
	}
	got.lines = slices.DeleteFunc(got.lines, cut)
	got.has(f.newest(len(f.sorted)))
}
