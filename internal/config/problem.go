package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing wrong with a configuration file.
type Problem struct {
	File    string
	Line    int    // from 1; 0 where the file could not be read at all
	Key     string // full path, as upstreams[1].retry.max; empty for the file as a whole
	Message string // holds no secret and no part of a URL
}

// Error is the problem in one line: config.yaml:12: upstreams[2].dial_timeout: "3" has no unit, write 3s
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Message)
	return b.String()
}

// Problems is all that is wrong with a configuration file, by line. It is never empty as an error.
type Problems []Problem

// Error has one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
	return ps
}

const maxQuoted = 40

// quoted is a value as a message shows it: short, and not at all where it could be a URL with user info.
func quoted(text string) string {
	if strings.Contains(text, "@") {
		return "this value"
	}
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "..."
	}
	return strconv.Quote(text)
}

var plainKey = regexp.MustCompile(`^(<<|[A-Za-z0-9_.-]{1,64})$`)

func lastName(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// joined is the path of a key inside the mapping at path. What does not look like a key
// may be a misplaced secret, and is shown as ?.
func joined(path, key string) string {
	if !plainKey.MatchString(key) {
		key = "?"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
