package monitoring_test

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// What there is of a dashboard in Grafana's classic model, as far as it matters here.
type (
	dashboard struct {
		UID, Title    string
		SchemaVersion int
		Panels        []panel
		Templating    struct{ List []variable }
	}
	panel struct {
		ID                       int
		Type, Title, Description string
		Datasource               datasource
		GridPos                  struct{ H, W, X, Y int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []target
	}
	target struct {
		RefID, Expr, LegendFormat string
		Datasource                datasource
	}
	datasource struct{ Type, UID string }
	variable   struct {
		Name, Type string
		Query      any // text, or an object with it
		Datasource datasource
	}
)

var prometheus = datasource{"prometheus", "${datasource}"}

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, "deploy/grafana/logmux.json"), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// filledIn is an expression with Grafana's variables replaced, as if all were chosen.
func filledIn(expression string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$instance", "10.0.0.1:9195", "$upstream", "eu|us").Replace(expression)
}

func TestPanels(t *testing.T) {
	d := loadDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
		t.Errorf("got %+v", d)
	}
	ids := map[int]bool{}
	var rows []string
	for i, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: the id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		if at := p.GridPos; at.X < 0 || at.X+at.W > 24 || at.W < 1 || at.H < 1 {
			t.Errorf("%s does not fit in: %+v", p.Title, at)
		}
		for _, q := range d.Panels[:i] {
			if overlap(p, q) {
				t.Errorf("%s lies over %s", p.Title, q.Title)
			}
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		if p.Title == "" || p.Description == "" || p.Datasource != prometheus || len(p.Targets) == 0 || p.FieldConfig.Defaults.Unit == "" && p.Type != "heatmap" {
			t.Errorf("%s lacks something: %+v", p.Title, p)
		}
	}
	if want := []string{"Overview", "Upstreams", "Follows", "Resources", "Config"}; !slices.Equal(rows, want) {
		t.Errorf("the rows are %q, want %q", rows, want)
	}
}

func overlap(p, q panel) bool {
	a, b := p.GridPos, q.GridPos
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

func TestVariables(t *testing.T) {
	db := exposed(t)
	selector := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	var names []string
	for _, v := range loadDashboard(t).Templating.List {
		names = append(names, v.Name)
		if v.Type == "datasource" {
			if v.Query != "prometheus" {
				t.Errorf("%s: got %v", v.Name, v.Query)
			}
			continue
		}
		query, _ := v.Query.(map[string]any)["query"].(string)
		m := selector.FindStringSubmatch(query)
		if m == nil || v.Datasource != prometheus {
			t.Errorf("%s: got %+v", v.Name, v)
			continue
		}
		db.names(t, filledIn(m[1]))
		for _, s := range db.query(t, filledIn(m[1]), soonAfter) {
			if !s.Metric.Has(m[2]) {
				t.Errorf("%s: there is no label %s", v.Name, m[2])
			}
		}
	}
	if want := []string{"datasource", "instance", "upstream"}; !slices.Equal(names, want) {
		t.Errorf("the variables are %q, want %q", names, want)
	}
}

var legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// TestPanelsShowSomething evaluates what the panels show of an instance that has
// just done everything that there is a metric for.
func TestPanelsShowSomething(t *testing.T) {
	db := exposed(t)
	for _, p := range loadDashboard(t).Panels {
		for _, target := range p.Targets {
			if target.Datasource != prometheus {
				t.Errorf("%s: the datasource is %+v", p.Title, target.Datasource)
			}
			expression := filledIn(target.Expr)
			if strings.Contains(expression, "$") {
				t.Errorf("%s: there is no such variable: %s", p.Title, expression)
			}
			db.names(t, expression)
			result := db.query(t, expression, soonAfter)
			if !slices.ContainsFunc(result, func(s promql.Sample) bool { return !math.IsNaN(s.F) }) {
				t.Errorf("%s shows nothing: %s", p.Title, expression)
			}
			legends := map[string]bool{}
			for _, s := range result {
				legend := legendLabel.ReplaceAllStringFunc(target.LegendFormat, func(name string) string {
					return s.Metric.Get(legendLabel.FindStringSubmatch(name)[1])
				})
				if legends[legend] {
					t.Errorf("%s: two are called %q: %s", p.Title, legend, expression)
				}
				legends[legend] = true
			}
		}
	}
}

// TestEveryMetricIsShown looks for what the dashboard leaves out.
func TestEveryMetricIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, p := range loadDashboard(t).Panels {
		for _, target := range p.Targets {
			e, err := language.ParseExpr(filledIn(target.Expr))
			if err != nil {
				t.Fatal(err)
			}
			parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
				if n, ok := node.(*parser.VectorSelector); ok {
					shown[n.Name] = true
				}
				return nil
			})
		}
	}
	for _, s := range exposed(t) {
		name := s.labels.Get(model.MetricNameLabel)
		if of, ok := strings.CutSuffix(name, "_count"); ok {
			name = of + "_bucket"
		} else if of, ok := strings.CutSuffix(name, "_sum"); ok {
			name = of + "_bucket"
		}
		if strings.HasPrefix(name, "logmux_") && !shown[name] {
			t.Errorf("no panel shows %s", name)
			shown[name] = true
		}
	}
}
