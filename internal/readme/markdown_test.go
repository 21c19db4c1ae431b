package readme_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// pages are all that is written for users.
var pages = []string{"README.md", "docs/providers.md", "docs/failures.md", "docs/kubernetes.md", "docs/security.md", "docs/configuration.md", "docs/library.md", "CONTRIBUTING.md", "docs/metrics.md", "docs/scaling.md"}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/" + page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fence finds fenced code: its language and its text, with the last newline.
var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// blocks are the fenced code of a language on a page, in order.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	var found []string
	for _, m := range fence.FindAllStringSubmatch(read(t, page), -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

// commands are the lines of all sh blocks on a page.
func commands(t *testing.T, page string) []string {
	t.Helper()
	var found []string
	for _, b := range blocks(t, page, "sh") {
		for line := range strings.Lines(b) {
			if line = strings.TrimSpace(line); line != "" {
				found = append(found, line)
			}
		}
	}
	return found
}
