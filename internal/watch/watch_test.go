package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A configMap is a directory as the kubelet keeps one.
type configMap struct {
	t        testing.TB
	dir      string
	versions int
}

func newConfigMap(t testing.TB) *configMap {
	m := &configMap{t: t, dir: t.TempDir()}
	m.swap()
	m.must(os.Symlink("..data/config.yaml", m.path()))
	return m
}

func (m *configMap) path() string { return filepath.Join(m.dir, "config.yaml") }

func (m *configMap) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// swap writes a new version and puts it in the old one's place.
func (m *configMap) swap() {
	m.t.Helper()
	m.versions++
	version := "..2026_11_22_10_00_00." + strconv.Itoa(m.versions)
	m.must(os.Mkdir(filepath.Join(m.dir, version), 0o755))
	m.must(os.WriteFile(filepath.Join(m.dir, version, "config.yaml"), []byte(version), 0o644))
	data := filepath.Join(m.dir, "..data")
	before, _ := os.Readlink(data)
	m.must(os.Symlink(version, data+"_tmp"))
	m.must(os.Rename(data+"_tmp", data))
	if before != "" {
		m.must(os.RemoveAll(filepath.Join(m.dir, before)))
	}
}

func (m *configMap) edit() {
	m.t.Helper()
	m.must(os.WriteFile(m.path(), []byte("half"), 0o644))
}

// run runs the watcher until the test ends. The channel has, for each call, where
// the path led to then.
func run(t testing.TB, w *Watcher) <-chan string {
	ctx, cancel := context.WithCancel(context.Background())
	calls, done := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx, func() {
			leads, _ := filepath.EvalSymlinks(w.path)
			calls <- leads
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return calls
}

func wantCall(t testing.TB, calls <-chan string) (leads string) {
	t.Helper()
	select {
	case leads = <-calls:
	case <-time.After(10 * time.Second):
		t.Fatal("the change was not noticed")
	}
	return leads
}

// onlyNotified is a watcher that no poll helps.
func onlyNotified(path string) *Watcher {
	w := New(path)
	w.poll = time.Hour
	return w
}

// onlyPolling is a watcher on a host that is out of inotify instances.
func onlyPolling(path string) *Watcher {
	w := New(path)
	w.open = func() (*notices, error) { return nil, errors.New("too many open files") }
	return w
}

func TestMoved(t *testing.T) {
	other := func(m *configMap, content string) string {
		name := filepath.Join(m.dir, "other")
		m.must(os.WriteFile(name, []byte(content), 0o644))
		return name
	}
	tests := []struct {
		name   string
		change func(m *configMap)
		want   bool
	}{
		{"nothing", func(*configMap) {}, false},
		{"swap", (*configMap).swap, true},
		{"edited in place", (*configMap).edit, false},
		{"touched", func(m *configMap) { m.must(os.Chtimes(m.path(), time.Now(), time.Now())) }, false},
		{"file replaced in its directory", func(m *configMap) {
			m.must(os.Rename(other(m, "whole"), filepath.Join(m.dir, "..data", "config.yaml")))
		}, false},
		{"link to the same file by another way", func(m *configMap) {
			target, err := filepath.EvalSymlinks(m.path())
			m.must(err)
			m.must(os.Remove(m.path()))
			m.must(os.Symlink(target, m.path()))
		}, false},
		{"first link elsewhere", func(m *configMap) {
			m.must(os.Remove(m.path()))
			m.must(os.Symlink(other(m, "whole"), m.path()))
		}, true},
		{"a file in the link's place", func(m *configMap) {
			m.must(os.Rename(other(m, "whole"), m.path()))
		}, true},
		{"link gone", func(m *configMap) { m.must(os.Remove(m.path())) }, false},
		{"version gone", func(m *configMap) {
			target, err := filepath.EvalSymlinks(filepath.Join(m.dir, "..data"))
			m.must(err)
			m.must(os.RemoveAll(target))
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newConfigMap(t)
			w := New(m.path())
			test.change(m)
			if got := w.moved(); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
			if w.moved() {
				t.Error("the same again is a change")
			}
			m.must(os.RemoveAll(m.dir))
			if w.moved() {
				t.Error("nothing is a change")
			}
		})
	}
}

func TestMovedAfterReturn(t *testing.T) {
	m := newConfigMap(t)
	w := New(m.path())
	hidden := m.dir + ".hidden"
	m.must(os.Rename(m.dir, hidden))
	if w.moved() {
		t.Error("gone: want no change")
	}
	m.must(os.Rename(hidden, m.dir))
	if w.moved() {
		t.Error("back as it was: want no change")
	}
	m.must(os.Rename(m.dir, hidden))
	w.moved()
	m.must(os.Rename(hidden, m.dir))
	m.swap()
	if !w.moved() {
		t.Error("back as another: want a change")
	}
}

func TestNotified(t *testing.T) {
	m := newConfigMap(t)
	w := onlyNotified(m.path())
	w.Failed = func(err error) { t.Error(err) }
	calls := run(t, w)
	for range 3 {
		m.edit()
		m.swap()
		wantCall(t, calls)
	}
}

// The links need not be in the directory of the path.
func TestNotifiedThroughOtherDirectories(t *testing.T) {
	m := newConfigMap(t)
	etc := t.TempDir()
	m.must(os.Symlink(m.dir, filepath.Join(etc, "logmux")))
	t.Chdir(etc)
	w := onlyNotified("logmux/config.yaml")
	t.Chdir("/")
	calls := run(t, w)
	m.swap()
	wantCall(t, calls)

	another := newConfigMap(t)
	m.must(os.Symlink(another.dir, filepath.Join(etc, "tmp")))
	m.must(os.Rename(filepath.Join(etc, "tmp"), filepath.Join(etc, "logmux")))
	wantCall(t, calls)
	another.swap()
	wantCall(t, calls)
}

func TestNotifiedOfReturn(t *testing.T) {
	m := newConfigMap(t)
	calls := run(t, onlyNotified(m.path()))
	m.swap()
	wantCall(t, calls)
	m.must(os.RemoveAll(m.dir))
	m.must(os.Mkdir(m.dir, 0o755))
	m.swap()
	m.must(os.Symlink("..data/config.yaml", m.path()))
	wantCall(t, calls)
	m.swap()
	wantCall(t, calls)
}

func TestBurst(t *testing.T) {
	const swaps = 50
	m := newConfigMap(t)
	calls := run(t, onlyNotified(m.path()))
	for range swaps {
		m.swap()
	}
	last, err := filepath.EvalSymlinks(m.path())
	m.must(err)
	count := 1
	for wantCall(t, calls) != last {
		count++
	}
	if count > swaps/2 {
		t.Errorf("%d swaps were %d calls, want few", swaps, count)
	}
}

func TestFollow(t *testing.T) {
	n, err := openNotices()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	a, b := t.TempDir(), t.TempDir()
	tests := []struct {
		name       string
		dirs, want []string
	}{
		{"one", []string{a}, []string{a}},
		{"one more", []string{a, b}, []string{a, b}},
		{"one less", []string{b}, []string{b}},
		{"one that is gone", []string{filepath.Join(a, "gone"), b}, []string{b}},
		{"none", nil, nil},
	}
	for _, test := range tests {
		if err := n.follow(test.dirs); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		got := n.watcher.WatchList()
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestChangeBeforeRun(t *testing.T) {
	m := newConfigMap(t)
	w := onlyNotified(m.path())
	m.swap()
	wantCall(t, run(t, w))
}

func TestPolled(t *testing.T) {
	m := newConfigMap(t)
	synctest.Test(t, func(t *testing.T) {
		m.t = t
		w := onlyPolling(m.path())
		var failures []string
		w.Failed = func(err error) { failures = append(failures, err.Error()) }
		calls := run(t, w)
		steps := []struct {
			name   string
			change func()
			want   int
		}{
			{"nothing", func() {}, 0},
			{"edited in place", m.edit, 0},
			{"swap", m.swap, 1},
			{"nothing", func() {}, 0},
			{"two swaps", func() { m.swap(); m.swap() }, 1},
			{"gone", func() { m.must(os.Remove(m.path())) }, 0},
			{"back", func() { m.must(os.Symlink("..data/config.yaml", m.path())) }, 0},
		}
		for _, step := range steps {
			step.change()
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if got := len(calls); got != step.want {
				t.Errorf("%s: got %d calls, want %d", step.name, got, step.want)
			}
			for len(calls) > 0 {
				<-calls
			}
		}
		if len(failures) != 1 {
			t.Errorf("got %q, want one failure", failures)
		}
	})
}

// What fsnotify cannot follow is left to the poll.
func TestDirectoryThatCannotBeFollowed(t *testing.T) {
	m := newConfigMap(t)
	w := New(m.path())
	w.poll = 10 * time.Millisecond
	failures := make(chan error, 100)
	w.Failed = func(err error) { failures <- err }
	w.open = func() (*notices, error) {
		n, err := openNotices()
		n.watcher.Close()
		return n, err
	}
	calls := run(t, w)
	for range 3 {
		m.swap()
		wantCall(t, calls)
	}
	if got := len(failures); got != 1 {
		t.Errorf("told %d times, want once", got)
	}
}

func TestRunEnds(t *testing.T) {
	m := newConfigMap(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	New(m.path()).Run(ctx, func() { t.Error("called") })
}
