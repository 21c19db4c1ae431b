package fresh

import (
	"fmt"
	"io"
	"os"
)

// maxSize is more than any bundle of certificates takes, and keeps a path that
// names the wrong file from filling the memory.
const maxSize = 1 << 20

// read returns what the file holds, nil for an empty path.
func read(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxSize {
		return nil, fmt.Errorf("%s: is over 1 MiB", path)
	}
	return content, nil
}
