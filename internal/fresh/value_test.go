package fresh

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file as a careful program does, which leaves no moment
// without one.
func replace(t testing.TB, path, content string) {
	t.Helper()
	write(t, path+".new", content)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// sneak changes a file without a trace but in its content.
func sneak(t testing.TB, path, content string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, content)
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !same([]os.FileInfo{info}, []os.FileInfo{after}) {
		t.Fatalf("%v is not %v", after, info)
	}
}

// whole is a value that is the content of its files, but for those that are bad.
func whole(paths ...string) *Value[string] {
	return Of(func(contents [][]byte) (string, error) {
		var all []string
		for i, content := range contents {
			if strings.HasPrefix(string(content), "bad") {
				return "", errors.New(paths[i] + ": bad")
			}
			all = append(all, string(content))
		}
		return strings.Join(all, " "), nil
	}, paths...)
}

func wantValue[T comparable](t testing.TB, v *Value[T], want T) {
	t.Helper()
	got, err := v.Get()
	if err != nil {
		t.Errorf("got %v, want %v", err, want)
	} else if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func wantError[T any](t testing.TB, v *Value[T], want string) {
	t.Helper()
	if got, err := v.Get(); err == nil {
		t.Errorf("got %v, want an error", got)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want it to contain %q", err, want)
	}
}

// A timed test has a directory for its files and a clock of its own. It does not
// run in that of the files' times, as on a host whose clock is off.
func timed(t *testing.T, test func(t *testing.T, dir string)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { test(t, dir) })
}

func TestChanges(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		a, b := dir+"/a", dir+"/b"
		write(t, a, "1")
		write(t, b, "2")
		v := whole(a, "", b)
		wantValue(t, v, "1  2")

		replace(t, b, "3")
		wantValue(t, v, "1  2") // not looked at for each Get
		time.Sleep(lookInterval)
		wantValue(t, v, "1  3")

		write(t, a, "longer")
		time.Sleep(lookInterval)
		wantValue(t, v, "longer  3")
	})
}

// Each part of a stamp tells of a change.
func TestStamps(t *testing.T) {
	was := time.Now().Add(-time.Hour)
	timed(t, func(t *testing.T, dir string) {
		path := dir + "/a"
		at := func(when time.Time) {
			t.Helper()
			if err := os.Chtimes(path, when, when); err != nil {
				t.Fatal(err)
			}
		}
		write(t, path, "1")
		at(was)
		v := whole(path)
		steps := []struct {
			name, want string
			change     func()
		}{
			{"as it was", "1", func() {}},
			{"time", "2", func() { write(t, path, "2"); at(was.Add(time.Nanosecond)) }},
			{"time that went back", "3", func() { write(t, path, "3"); at(was) }},
			{"size", "size", func() { write(t, path, "size"); at(was) }},
			{"file", "file", func() { replace(t, path, "file"); at(was) }},
		}
		for _, step := range steps {
			step.change()
			time.Sleep(time.Hour) // until nothing is read again without a reason
			if got, err := v.Get(); got != step.want || err != nil {
				t.Errorf("%s: got %q, %v, want %q", step.name, got, err, step.want)
			}
			time.Sleep(time.Hour)
			wantValue(t, v, step.want)
		}
	})
}

// The volume of a Kubernetes secret is swapped by a symbolic link.
func TestSymlinkSwap(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		swap := func(version string) {
			t.Helper()
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, version, "token"), "token of "+version)
			data := filepath.Join(dir, "..data")
			if err := errors.Join(os.Symlink(version, data+"_tmp"), os.Rename(data+"_tmp", data)); err != nil {
				t.Fatal(err)
			}
		}
		swap("..v1")
		token := filepath.Join(dir, "token")
		if err := os.Symlink("..data/token", token); err != nil {
			t.Fatal(err)
		}
		v := Secret(token)
		wantValue(t, v, "token of ..v1")
		time.Sleep(time.Minute)
		wantValue(t, v, "token of ..v1")
		swap("..v2")
		time.Sleep(lookInterval)
		wantValue(t, v, "token of ..v2")
	})
}

func TestRacyWrite(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		path := dir + "/a"
		write(t, path, "1")
		v := whole(path)
		wantValue(t, v, "1")

		time.Sleep(granularity / 2)
		sneak(t, path, "2")
		time.Sleep(lookInterval)
		wantValue(t, v, "2")

		// Nobody asks while the change could be noticed: the next one who does
		// finds it.
		sneak(t, path, "3")
		time.Sleep(time.Hour)
		wantValue(t, v, "3")

		// By now no honest write leaves the stamp as it is, and the file is not
		// read any more.
		sneak(t, path, "4")
		time.Sleep(time.Hour)
		wantValue(t, v, "3")

		// A change that is noticed starts that anew.
		replace(t, path, "5")
		time.Sleep(lookInterval)
		wantValue(t, v, "5")
		sneak(t, path, "6")
		time.Sleep(lookInterval)
		wantValue(t, v, "6")
	})
}

func TestParsedOnlyAnew(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		path := dir + "/a"
		write(t, path, "1")
		parsed := 0
		v := Of(func([][]byte) (*int, error) { parsed++; return new(int), nil }, path)
		first, err := v.Get()
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			time.Sleep(lookInterval)
			wantValue(t, v, first)
		}
		replace(t, path, "1") // other times, the same content
		time.Sleep(lookInterval)
		wantValue(t, v, first)
		if parsed != 1 {
			t.Errorf("parsed %d times, want 1", parsed)
		}
	})
}

func TestLastGoodValue(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		path := dir + "/a"
		var failures []string
		v := whole(path)
		v.Failed = func(err error) { failures = append(failures, strings.TrimPrefix(err.Error(), "stat ")) }

		missing, bad := path+": no such file or directory", path+": bad"
		steps := []struct {
			name   string
			change func()
			value  string // or empty, and
			err    string
			told   string
		}{
			{"never there", func() {}, "", missing, missing},
			{"still not", func() {}, "", missing, ""},
			{"bad", func() { write(t, path, "bad") }, "", bad, bad},
			{"still bad", func() {}, "", bad, ""},
			{"bad and gone", func() { os.Rename(path, path+".away") }, "", missing, missing},
			{"bad and back", func() { os.Rename(path+".away", path) }, "", bad, ""},
			{"good", func() { replace(t, path, "1") }, "1", "", ""},
			{"bad again", func() { replace(t, path, "bad") }, "1", "", bad},
			{"bad still", func() {}, "1", "", ""},
			{"bad otherwise", func() { replace(t, path, "bad too") }, "1", "", bad},
			{"gone", func() { os.Remove(path) }, "1", "", missing},
			{"gone still", func() {}, "1", "", ""},
			{"good as before", func() { write(t, path, "1") }, "1", "", ""},
			{"gone once more", func() { os.Remove(path) }, "1", "", missing},
			{"another", func() { write(t, path, "2") }, "2", "", ""},
			{"a directory", func() { os.Remove(path); os.Mkdir(path, 0o700) }, "2", "", path + ": is not a regular file"},
			{"a file again", func() { os.Remove(path); write(t, path, "3") }, "3", "", ""},
			{"too large", func() { replace(t, path, strings.Repeat("x", maxSize+1)) }, "3", "", path + ": is over 1 MiB"},
			{"just not", func() { replace(t, path, strings.Repeat("x", maxSize)) }, strings.Repeat("x", maxSize), "", ""},
		}
		for _, step := range steps {
			failures = nil
			step.change()
			time.Sleep(lookInterval)
			if step.value != "" {
				if got, err := v.Get(); got != step.value || err != nil {
					t.Errorf("%s: got %.20q, %v, want %.20q", step.name, got, err, step.value)
				}
			} else {
				wantError(t, v, step.err)
			}
			if got := strings.Join(failures, "; "); got != step.told {
				t.Errorf("%s: told %q, want %q", step.name, got, step.told)
			}
		}
	})
}

// Whether a file may be read is in none of the stamps.
func TestPermissionRegained(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	timed(t, func(t *testing.T, dir string) {
		path := dir + "/a"
		write(t, path, "1")
		os.Chmod(path, 0)
		v := whole(path)
		wantError(t, v, "permission denied")
		time.Sleep(time.Hour)
		wantError(t, v, "permission denied")
		os.Chmod(path, 0o600)
		time.Sleep(lookInterval)
		wantValue(t, v, "1")
	})
}

// A disk that takes its time holds up one caller.
func TestOneWaits(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		path := dir + "/a"
		write(t, path, "1")
		slow := make(chan struct{}, 1)
		v := Of(func(contents [][]byte) (string, error) {
			<-slow
			return string(contents[0]), nil
		}, path)
		slow <- struct{}{}
		wantValue(t, v, "1")

		replace(t, path, "2")
		time.Sleep(lookInterval)
		done := make(chan struct{})
		go func() {
			defer close(done)
			wantValue(t, v, "2")
		}()
		synctest.Wait()
		wantValue(t, v, "1")
		slow <- struct{}{}
		<-done
		wantValue(t, v, "2")
	})
}

// All who ask for the first value wait for it.
func TestFirstGets(t *testing.T) {
	path := t.TempDir() + "/a"
	write(t, path, "1")
	v := Of(func(contents [][]byte) (string, error) {
		time.Sleep(lookInterval / 10)
		return string(contents[0]), nil
	}, path)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() { wantValue(t, v, "1") })
	}
	running.Wait()
}

// A hook may ask for the value: no lock is held.
func TestFailedMayGet(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		v := Secret(dir + "/nothing")
		v.Failed = func(error) { v.Get() }
		wantError(t, v, "no such file")
	})
}

func TestConcurrentGets(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		user, password := dir+"/..data/user", dir+"/..data/password"
		swap := func(version string) {
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, version, "user"), version)
			write(t, filepath.Join(dir, version, "password"), version)
			os.Symlink(version, dir+"/..data_tmp")
			if err := os.Rename(dir+"/..data_tmp", dir+"/..data"); err != nil {
				t.Fatal(err)
			}
		}
		swap("0")
		v := Credentials(user, password)
		var running sync.WaitGroup
		var done atomic.Bool
		for range 8 {
			running.Go(func() {
				for !done.Load() {
					if got, err := v.Get(); err != nil || got.User != got.Password {
						t.Errorf("got %v, %v, want what belongs together", got, err)
						return
					}
					time.Sleep(lookInterval / 7)
				}
			})
		}
		for _, version := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			time.Sleep(2 * lookInterval)
			swap(version)
		}
		time.Sleep(2 * lookInterval)
		wantValue(t, v, BasicAuth{"z", "z"})
		done.Store(true)
		running.Wait()
	})
}
