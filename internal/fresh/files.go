package fresh

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"time"
)

// granularity is that of the coarsest file times in use, FAT's.
const granularity = 2 * time.Second

// files are read together and again when one of them changes: when its path
// leads to another file (a Kubernetes volume swaps a symbolic link), or the
// file's size or modification time is another.
//
// A second write that leaves the size and falls into the same tick of the file
// system's clock changes none of these. It is the case that git calls racy; git
// compares the file's time with its index's. Here a file is read again and again
// until the granularity has passed since its change was noticed, which needs no
// agreement between the file system's clock and ours.
type files struct {
	paths    []string
	stamps   []os.FileInfo // nil for an empty path
	noticed  time.Time     // when the stamps were found to differ from those before
	settled  bool          // contents are what the stamps stand for
	contents [][]byte      // nil before the first
}

// news returns the files' contents if they are others than before, or nil.
func (f *files) news() ([][]byte, error) {
	stamps, err := stat(f.paths)
	if err != nil {
		return nil, err
	}
	if f.settled && same(stamps, f.stamps) {
		return nil, nil
	}
	begun := time.Now()
	contents, stamps, err := readTogether(f.paths, stamps)
	if err != nil {
		// The stamps are left as they were, so that the next look reads again: a
		// permission that is given changes none.
		return nil, err
	}
	if !same(stamps, f.stamps) {
		f.stamps, f.noticed = stamps, time.Now()
	}
	f.settled = begun.Sub(f.noticed) >= granularity
	if f.contents != nil && slices.EqualFunc(contents, f.contents, bytes.Equal) {
		return nil, nil
	}
	f.contents = contents
	return contents, nil
}

// readTogether reads the files that have these stamps, and returns the stamps
// that they have then. It reads again when a change comes between, so that a
// swap of all does not lead to the old user with the new password. Files that
// change all the time are not worth more than a few attempts; they are read
// again with the next look.
func readTogether(paths []string, stamps []os.FileInfo) ([][]byte, []os.FileInfo, error) {
	contents := make([][]byte, len(paths))
	for range 3 {
		for i, path := range paths {
			var err error
			if contents[i], err = read(path); err != nil {
				return nil, nil, err
			}
		}
		before := stamps
		var err error
		if stamps, err = stat(paths); err != nil {
			return nil, nil, err
		}
		if same(stamps, before) {
			break
		}
	}
	return contents, stamps, nil
}

func stat(paths []string) ([]os.FileInfo, error) {
	stamps := make([]os.FileInfo, len(paths))
	for i, path := range paths {
		if path == "" {
			continue
		}
		stamp, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		// A named pipe would be waited for, and could not be read twice.
		if !stamp.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: is not a regular file", path)
		}
		stamps[i] = stamp
	}
	return stamps, nil
}

func same(a, b []os.FileInfo) bool {
	return slices.EqualFunc(a, b, func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == b
		}
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
	})
}
