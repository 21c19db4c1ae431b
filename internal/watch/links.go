package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is what the kernel follows in a path before it takes them for a loop.
const maxLinks = 40

// linkDirs returns the directories where a change can make the path lead
// elsewhere: those that hold a symbolic link on its way, and the one where the
// way ends, in which a link could take the file's place. Where something is
// missing, its return is a change in the last of them.
//
// A directory on the way that is renamed is not among them; it is found by the
// poll.
func linkDirs(path string) []string {
	root := filepath.VolumeName(path) + string(filepath.Separator)
	at, links := root, 0
	var dirs []string
	ahead := parts(path)
	for len(ahead) > 0 && links < maxLinks {
		part := ahead[0]
		ahead = ahead[1:]
		if part == ".." {
			at = filepath.Dir(at)
			continue
		}
		target, err := os.Readlink(filepath.Join(at, part))
		switch {
		case err != nil && len(ahead) > 0 && isDir(filepath.Join(at, part)):
			at = filepath.Join(at, part)
			continue
		case err != nil: // the file itself, or there is nothing
			return add(dirs, at)
		}
		links++
		dirs = add(dirs, at)
		ahead = append(parts(target), ahead...)
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + string(filepath.Separator)
		}
	}
	return add(dirs, at)
}

// parts are the names in a path, and the dots that lead upwards.
func parts(path string) []string {
	path = filepath.ToSlash(path[len(filepath.VolumeName(path)):])
	return slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "" || part == "." })
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

func add(dirs []string, dir string) []string {
	if slices.Contains(dirs, dir) {
		return dirs
	}
	return append(dirs, dir)
}
