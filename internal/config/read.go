package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// read returns the content of the file's only document, or nil where there is none to look at.
func (w *walker) read(src []byte) *yaml.Node {
	docs, err := documents(src)
	if err != nil {
		w.add(&yaml.Node{Line: failingLine(src, err)}, "", "%s", syntaxMessage(err))
		return nil
	}
	if len(docs) == 0 || len(docs) == 1 && isNull(docs[0].Content[0]) {
		w.add(&yaml.Node{Line: 1}, "", "the file is empty")
		return nil
	}
	for _, extra := range docs[1:] {
		w.add(extra, "", "a second YAML document starts here, a configuration is one")
	}
	return docs[0].Content[0]
}

func documents(src []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(bytes.NewReader(src)); ; {
		doc := new(yaml.Node)
		err := dec.Decode(doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
}

// failingLine is the first line that makes the parser fail as it did. The parser's own line is
// that of the surrounding block, one too low, or not given, depending on the error.
func failingLine(src []byte, err error) int {
	lines := bytes.SplitAfter(src, []byte("\n"))
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		_, got := documents(bytes.Join(lines[:i+1], nil))
		return got != nil && got.Error() == err.Error()
	})
}

var parserPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)

func syntaxMessage(err error) string {
	message := parserPrefix.ReplaceAllString(err.Error(), "")
	if strings.HasPrefix(message, "unknown anchor") {
		// The parser repeats the name, which may be the start of an unquoted password.
		message = "an alias (*name) has no anchor (&name) above it; quote a value that starts with *"
	}
	return "not valid YAML: " + message
}
