package readme_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/openfaas-logmux/logmux/internal/config"
)

// TestFiles loads every file that a page shows.
func TestFiles(t *testing.T) {
	for _, page := range pages {
		for i, b := range blocks(t, page, "yaml") {
			t.Run(fmt.Sprintf("%s/yaml%d", page, i+1), func(t *testing.T) {
				if page == "docs/failures.md" {
					return // TestWrongFile
				}
				documents(t, b)
				if strings.HasPrefix(b, "upstreams:") || strings.HasPrefix(b, "server:") {
					text := withFiles(t, b)
					if strings.HasPrefix(b, "server:") && !strings.Contains(b, "upstreams:") {
						text += "upstreams: [{name: some, url: 'http://127.0.0.1:1'}]\n"
					}
					if _, err := config.Parse(page, []byte(text)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, b := range blocks(t, page, "json") {
			if !json.Valid([]byte(b)) {
				t.Errorf("%s: not JSON: %s", page, b)
			}
		}
	}
}

func documents(t *testing.T, text string) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document any
		switch err := d.Decode(&document); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatal(err)
		}
	}
}

// TestWrongFile holds the example of a wrong file to what is really said of it.
func TestWrongFile(t *testing.T) {
	const page = "docs/failures.md"
	file, shown := blocks(t, page, "yaml")[0], blocks(t, page, "text")[0]
	_, err := config.Parse("config.yaml", []byte(file))
	if got, want := fmt.Sprintf("logmux: %v\n", err), shown; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

var presetRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|(.+)\\|$")

// TestPresets holds the table of presets to the code's: a preset that is written
// out changes nothing.
func TestPresets(t *testing.T) {
	page := read(t, "docs/providers.md")
	_, header, _ := strings.Cut(page, "\n| preset |")
	header, _, _ = strings.Cut(header, "\n")
	kinds := cells(header)
	rows := presetRow.FindAllStringSubmatch(page, -1)
	if len(kinds) != 5 || len(rows) != 7 {
		t.Fatalf("got %d kinds and %d presets, want 5 and 7", len(kinds), len(rows))
	}
	for _, row := range rows {
		for i, value := range cells(row[2]) {
			preset := traits(t, "kind: "+kinds[i])
			if written := traits(t, fmt.Sprintf("kind: %s, %s: %s", kinds[i], row[1], value)); written != preset {
				t.Errorf("%s of %s: the page says %s, the preset is %+v", row[1], kinds[i], value, preset)
			}
		}
	}
}

func cells(row string) []string {
	cells := strings.Split(strings.Trim(row, "| "), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func traits(t *testing.T, keys string) config.Traits {
	t.Helper()
	c, err := config.Parse("table", fmt.Appendf(nil, "upstreams: [{name: a, url: http://a, %s}]", keys))
	if err != nil {
		t.Fatal(err)
	}
	return c.Upstreams[0].Traits
}

var nestedKey = regexp.MustCompile("`(server|query|match|labels|retry|breaker|auth|tls)\\.([a-z_]+)")

// TestKeys holds the keys that pages name to those of the example.
func TestKeys(t *testing.T) {
	var example map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "config.example.yaml")), &example); err != nil {
		t.Fatal(err)
	}
	upstream := example["upstreams"].([]any)[0].(map[string]any)
	for _, page := range pages {
		for _, m := range nestedKey.FindAllStringSubmatch(read(t, page), -1) {
			section, ok := example[m[1]].(map[string]any)
			if !ok {
				section = upstream[m[1]].(map[string]any)
			}
			if _, ok := section[m[2]]; !ok {
				t.Errorf("%s: there is no key %s.%s", page, m[1], m[2])
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	heading = regexp.MustCompile("(?m)^#+ (.+)$")
	noSlug  = regexp.MustCompile("[^a-z0-9 -]")
)

// TestLinks follows the links inside the repository.
func TestLinks(t *testing.T) {
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			target := page
			if m[1] != "" {
				target = path.Join(path.Dir(page), m[1])
			}
			if _, err := os.Stat(root + "/" + target); err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if m[2] != "" && !anchors(t, target)[m[2]] {
				t.Errorf("%s: %s has no heading #%s", page, target, m[2])
			}
		}
	}
}

func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
		found[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return found
}

// TestDockerfile holds the image that builds to the Go that the module needs.
func TestDockerfile(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	if !strings.Contains(read(t, "Dockerfile"), "golang:"+version+" ") {
		t.Errorf("go.mod wants Go %s, and the Dockerfile builds with another", version)
	}
	if want := "Go " + version; !strings.Contains(read(t, "README.md"), want) {
		t.Errorf("the README does not say that it takes %s", want)
	}
}
