package fresh

import (
	"fmt"
	"strings"
)

// Secret returns the text of a file, such as a token, without the white space
// around it. An empty one is an error.
func Secret(path string) *Value[string] {
	return Of(func(contents [][]byte) (string, error) {
		return secret(path, contents[0])
	}, path)
}

func secret(path string, content []byte) (string, error) {
	// Editors and echo end a file with a newline that is no part of the secret.
	text := strings.TrimSpace(string(content))
	if text == "" {
		// Most likely just being written. Taken for a secret, it would let in
		// everyone who gives none.
		return "", fmt.Errorf("%s: is empty", path)
	}
	return text, nil
}
