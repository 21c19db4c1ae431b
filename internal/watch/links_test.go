package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLinkDirs(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(root+"/plain/deep", 0o755))
	must(os.MkdirAll(root+"/map/..v1", 0o755))
	must(os.WriteFile(root+"/plain/deep/file", nil, 0o644))
	must(os.WriteFile(root+"/map/..v1/file", nil, 0o644))
	for link, target := range map[string]string{
		"map/..data":   "..v1",
		"map/file":     "..data/file",
		"map/dangling": "..data/nothing",
		"absolute":     root + "/map",
		"up":           "plain/deep",
		"loop":         "loop",
	} {
		must(os.Symlink(target, filepath.Join(root, link)))
	}

	tests := []struct {
		path string
		want string // below root
	}{
		{"plain/deep/file", "plain/deep"},
		{"plain/./deep//file", "plain/deep"},
		{"plain/deep/nothing", "plain/deep"},
		{"plain/nothing/deep/file", "plain"},
		{"plain/deep/file/below", "plain/deep"},
		{"map/file", "map map/..v1"},
		{"map/dangling", "map map/..v1"},
		{"absolute/file", ". map map/..v1"},
		{"up/../deep/file", ". plain/deep"}, // plain, not root
		{"loop", "."},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			var want []string
			for dir := range strings.FieldsSeq(test.want) {
				want = append(want, filepath.Join(root, dir))
			}
			if got := linkDirs(root + "/" + test.path); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
