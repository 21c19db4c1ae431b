package fresh

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Files that are swapped while they are read are read again.
func TestReadTogether(t *testing.T) {
	dir := t.TempDir()
	data, next := filepath.Join(dir, "..data"), filepath.Join(dir, "..data_tmp")
	paths := []string{filepath.Join(data, "user"), filepath.Join(data, "password")}
	prepare := func(version int) {
		name := strconv.Itoa(version)
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		// Large, so that the swap often comes while it is read.
		write(t, filepath.Join(dir, name, "user"), strings.Repeat(name+" ", 1<<16))
		write(t, filepath.Join(dir, name, "password"), name)
		if err := os.Symlink(name, next); err != nil {
			t.Fatal(err)
		}
	}
	swap := func() {
		if err := os.Rename(next, data); err != nil {
			t.Error(err)
		}
	}
	prepare(0)
	swap()
	for version := range 50 {
		prepare(version + 1)
		before, err := stat(paths)
		if err != nil {
			t.Fatal(err)
		}
		swapped := make(chan struct{})
		go func() {
			defer close(swapped)
			swap()
		}()
		contents, _, err := readTogether(paths, before)
		<-swapped
		if err != nil {
			t.Fatal(err)
		}
		user, _, _ := strings.Cut(string(contents[0]), " ")
		if password := string(contents[1]); user != password {
			t.Fatalf("got the user of %s with the password of %s", user, password)
		}
	}
}
