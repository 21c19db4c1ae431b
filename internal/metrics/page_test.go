package metrics_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openfaas-logmux/logmux/internal/metrics/metricstest"
)

// A documented metric is a row of docs/metrics.md, or what of one can be seen.
type documented struct {
	kind   string
	labels string // sorted
	unit   string // seconds, bytes, or empty for what is counted
}

var (
	row    = regexp.MustCompile("(?m)^\\| `(logmux_[a-z_]+)` \\| (\\w+) \\|([^|]*)\\| ([^|]+) \\| ([^|]+) \\|$")
	quoted = regexp.MustCompile("`([a-z]+)`")
)

func read(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// written is what the page says.
func written(t *testing.T) map[string]documented {
	t.Helper()
	rows := map[string]documented{}
	for _, m := range row.FindAllStringSubmatch(read(t), -1) {
		var labels []string
		for _, l := range quoted.FindAllStringSubmatch(m[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		unit := m[4]
		if unit != "seconds" && unit != "bytes" {
			unit = "" // what is counted stands in no name
		}
		if _, twice := rows[m[1]]; twice {
			t.Errorf("%s is on the page twice", m[1])
		}
		rows[m[1]] = documented{m[2], strings.Join(labels, " "), unit}
	}
	return rows
}

// TestPage holds docs/metrics.md to what is exposed, and the other way round.
func TestPage(t *testing.T) {
	families, err := metricstest.Active().Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	page := written(t)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "logmux_") {
			continue
		}
		got := documented{kind: strings.ToLower(f.GetType().String())}
		for _, unit := range []string{"seconds", "bytes"} {
			if slices.Contains(strings.Split(f.GetName(), "_"), unit) {
				got.unit = unit
			}
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		got.labels = strings.Join(labels, " ")
		switch want, ok := page[f.GetName()]; {
		case !ok:
			t.Errorf("%s is not on the page", f.GetName())
		case got != want:
			t.Errorf("%s: it is %+v, and %+v by the page", f.GetName(), got, want)
		}
		delete(page, f.GetName())
	}
	for name := range page {
		t.Errorf("there is no %s", name)
	}
}

// TestPageHasTheStatuses holds those that have a label value each to what the page says.
func TestPageHasTheStatuses(t *testing.T) {
	_, text, _ := strings.Cut(read(t), "Of the statuses")
	text, _, _ = strings.Cut(text, "have a value each")
	want := regexp.MustCompile(`\d+`).FindAllString(text, -1)
	var got []string
	for name, value := range own(t, everyStatus()) {
		if m := regexp.MustCompile(`follow_failures_total\{reason="status-(\d{3})"`).FindStringSubmatch(name); m != nil && value != "0" {
			got = append(got, m[1])
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q; by the page %q", got, want)
	}
}
