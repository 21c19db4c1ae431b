package config

import (
	"errors"
	"strings"
	"testing"
)

// problemsOf are those of src, without the file's name.
func problemsOf(t *testing.T, src string) []string {
	t.Helper()
	_, err := Parse("f", []byte(src))
	if err == nil {
		return nil
	}
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got a %T, want Problems", err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, strings.TrimPrefix(p.Error(), "f:"))
	}
	return got
}

func expect(t *testing.T, src string, want ...string) {
	t.Helper()
	if got := problemsOf(t, src); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s\nfor\n%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), src)
	}
}

func TestFileProblems(t *testing.T) {
	const (
		empty  = "1: the file is empty"
		second = ": a second YAML document starts here, a configuration is one"
		syntax = ": not valid YAML: "
	)
	for _, tt := range []struct{ name, src, want string }{
		{"empty", "", empty},
		{"comments only", "# nothing\n\n# here\n", empty},
		{"empty document", "---\n", empty},
		{"two documents", minimal + "---\n" + minimal, "2" + second},
		{"second document empty", minimal + "---\n", "2" + second},
		{"text", "hello\n", "1: must be a mapping, not a single value"},
		{"list", "\n- hello\n", "2: must be a mapping, not a list"},
		{"no upstreams", "server: {}\n", "1: upstreams: there must be at least one upstream"},
		{"empty upstreams", "server: {}\nupstreams: []\n", "2: upstreams: there must be at least one upstream"},
		{"upstreams without a value", "\nupstreams:\n", "2: upstreams: must be a list, not empty; leave the key out to keep its default"},
		{"upstreams as a mapping", "upstreams: {name: eu}\n", "1: upstreams: must be a list, not a mapping"},
		{"upstream without a value", "upstreams:\n  -\n", "2: upstreams[0]: must be a mapping, not empty; leave the key out to keep its default"},
		{"upstream as text", "upstreams:\n  - https://u:s3cret@eu\n", "2: upstreams[0]: must be a mapping, not a single value"},
		{"wrong indent", "upstreams:\n  - name: eu\n    url: x\n   kind: faasd\n", "4" + syntax + "did not find expected '-' indicator"},
		{"indent under a scalar", "server:\n  listen: x\n    y: 1\n", "3" + syntax + "mapping values are not allowed in this context"},
		{"tab", "server:\n\tlisten: x\n", "2" + syntax + "found character that cannot start any token"},
		{"open quote", "server:\n  listen: 'x\nquery: {}\n", "2" + syntax + "found unexpected end of stream"},
		{"stray brace", "a: 1\nb: 2\nc: }\n", "3" + syntax + "did not find expected node content"},
		{"control character", "a: 1\nb: \x01\n", "2" + syntax + "control characters are not allowed"},
		{"broken UTF-8", "a: 1\n\nb: \xff\n", "3" + syntax + "invalid leading UTF-8 octet"},
		{"unknown alias", "a: 1\nb: *s3cret\n", "2" + syntax + "an alias (*name) has no anchor (&name) above it; quote a value that starts with *"},
		{"syntax error in a second document", minimal + "---\na: }\n", "3" + syntax + "did not find expected node content"},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.src, tt.want) })
	}
}

func TestKeyProblems(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"unknown at the top", minimal + "logging: {}\n", "2: logging: unknown key"},
		{"unknown with a typo", upstream("header_timout: 3s"), "4: upstreams[0].header_timout: unknown key; did you mean header_timeout?"},
		{"unknown in camel case", upstream("headerTimeout: 3s"), "4: upstreams[0].headerTimeout: unknown key; did you mean header_timeout?"},
		{"unknown in American", upstream("honors_instance: true"), "4: upstreams[0].honors_instance: unknown key; did you mean honours_instance?"},
		{"unknown, nested", upstream("retry:\n  mx: 1"), "5: upstreams[0].retry.mx: unknown key; did you mean max?"},
		{"unknown in defaults", "defaults:\n  dial: 3s\n" + minimal, "2: defaults.dial: unknown key"},
		{"name in defaults", "defaults: {name: eu}\n" + minimal, "1: defaults.name: unknown key; only an upstream itself has one"},
		{"name of an embedded struct", upstream("Traits: {}"), "4: upstreams[0].Traits: unknown key"},
		{"key that is no word", upstream("? [a]\n: b"), "4: upstreams[0].?: a key must be a plain word"},
		{"key without text", upstream("~: 1"), "4: upstreams[0].?: a key must be a plain word"},
		{"key that may be a secret", upstream("https://u:s3cret@eu: 1"), "4: upstreams[0].?: unknown key"},
		{"duplicate at the top", "query: {}\n" + minimal + "query: {}\n", "3: query: duplicate key, first given in line 1"},
		{"duplicate", upstream("kind: faasd\nkind: faasd"), "5: upstreams[0].kind: duplicate key, first given in line 4"},
		{"duplicate, nested", upstream("retry: {max: 1, max: 1}"), "4: upstreams[0].retry.max: duplicate key, first given in line 4"},
		{"duplicate in defaults", "defaults:\n  labels:\n    namespace: a\n    namespace: b\n" + minimal,
			"4: defaults.labels.namespace: duplicate key, first given in line 3"},
		{"duplicate header", upstream("headers:\n  X-A: 1\n  X-A: 2"), "6: upstreams[0].headers.X-A: duplicate key, first given in line 5"},
		{"duplicate header in another case", upstream("headers:\n  X-A: 1\n  x-a: 2"), "6: upstreams[0].headers.x-a: duplicate key: header names ignore case"},
		{"duplicate merge", upstream("<<: {kind: faasd}\n<<: {kind: faasd}"), "5: upstreams[0].<<: duplicate key, first given in line 4"},
		{"merge of text", upstream("<<: faasd"), "4: upstreams[0]: << can only merge a mapping or a list of mappings, not a single value"},
		{"merge of a list with text", upstream("<<: [{kind: faasd}, 3]"), "4: upstreams[0]: << can only merge a mapping or a list of mappings, not a single value"},
		{"no name", "upstreams:\n  - url: http://eu\n", "2: upstreams[0].name: is missing"},
		{"no url", "upstreams:\n  - name: eu\n", "2: upstreams[0].url: is missing (upstream eu)"},
		{"name taken", "upstreams:\n  - {name: eu, url: http://a}\n  - {name: us, url: http://a}\n  - {name: eu, url: http://b}\n",
			`4: upstreams[2].name: "eu" is already the name of upstreams[0] in line 2`},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.src, tt.want) })
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	expect(t, `server:
  listen: 9195
  memory: 1GiB
query: {timeout: 30, warnings: loud}
defaults:
  dial_timeout: 3
  retry: {min_wait: 2s}
  url: http://eu
upstreams:
  - name: eu
    url: ftp://eu
    match: {names: ["[", "ok", "["]}
  - kind: loki
    kind: faasd
    retry: {max: x, max_wait: 1h}
  - eu
  - name: eu
    url: http://eu
    retry: {max_wait: 1500ms}
query: {keepalive: 0}
upstream: []
`,
		`2: server.listen: "9195" is no address, write one such as :9195 or 127.0.0.1:9195`,
		`3: server.memory: unknown key`,
		`4: query.timeout: "30" has no unit, write 30s`,
		`4: query.warnings: "loud" is not one of inline, off`,
		`6: defaults.dial_timeout: "3" has no unit, write 3s`,
		`7: defaults.retry.min_wait: retry.min_wait 2s is more than retry.max_wait 1s`,
		`8: defaults.url: unknown key; only an upstream itself has one`,
		`11: upstreams[0].url: must start with http:// or https://`,
		`12: upstreams[0].match.names[0]: "[" is no valid pattern, see Go's path.Match`,
		`12: upstreams[0].match.names[2]: "[" is no valid pattern, see Go's path.Match`,
		`13: upstreams[1].kind: "loki" is not one of faas-netes, faasd, openfaas-loki, logmux, generic`,
		`13: upstreams[1].name: is missing`,
		`13: upstreams[1].url: is missing`,
		`14: upstreams[1].kind: duplicate key, first given in line 13`,
		`15: upstreams[1].retry.max: "x" is no count, write a plain number such as 3`,
		`16: upstreams[2]: must be a mapping, not a single value`,
		`17: upstreams[3].name: "eu" is already the name of upstreams[0] in line 10`,
		`19: upstreams[3].retry.max_wait: retry.min_wait 2s is more than retry.max_wait 1.5s (upstream eu)`,
		`20: query: duplicate key, first given in line 4`,
		`20: query.keepalive: must be more than 0`,
		`21: upstream: unknown key; did you mean upstreams?`,
	)
}

func TestProblemReadsAsOneLine(t *testing.T) {
	p := Problem{File: "config.yaml", Line: 12, Key: "upstreams[2].dial_timeout", Message: `"3" has no unit, write 3s`}
	if got, want := p.Error(), `config.yaml:12: upstreams[2].dial_timeout: "3" has no unit, write 3s`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
