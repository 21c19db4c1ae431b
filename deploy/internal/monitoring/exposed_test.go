package monitoring_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/openfaas-logmux/logmux/internal/metrics"
	"github.com/openfaas-logmux/logmux/internal/metrics/metricstest"
)

const (
	idleFor = 10 // minutes until something happens
	allOf   = 15 // minutes
)

// exposed is what Prometheus has of an instance that does nothing for a while, and
// then all that there is a metric for.
func exposed(t *testing.T) database {
	t.Helper()
	m, h := metricstest.New()
	var db database
	byLabels := map[string]*series{}
	for minute := range allOf {
		if minute == idleFor {
			metricstest.Serve(h)
		}
		for _, sample := range scraped(t, m) {
			l, values, err := language.ParseSeriesDesc(sample)
			if err != nil {
				t.Fatalf("%s: %v", sample, err)
			}
			l = labels.NewBuilder(l).Set("job", "logmux").Set("instance", "10.0.0.1:9195").Labels()
			s := byLabels[l.String()]
			if s == nil {
				s = &series{labels: l}
				byLabels[l.String()] = s
				db = append(db, s)
			}
			s.sampled(minute, values[0].Value)
		}
	}
	db.add(t, `up{job="logmux", instance="10.0.0.1:9195"} 1x14`)
	return db
}

// scraped are the samples of the page, without comments.
func scraped(t *testing.T, m *metrics.Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var samples []string
	for line := range strings.Lines(w.Body.String()) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			samples = append(samples, line)
		}
	}
	return samples
}

// names holds an expression to the metrics, labels and label values that there are.
func (db database) names(t *testing.T, expression string) {
	t.Helper()
	e, err := language.ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return
	}
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			name := labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, n.Name)
			for _, m := range n.LabelMatchers {
				if len(db.matching(name, m)) == 0 {
					t.Errorf("%s: there is no %s with %s", expression, n.Name, m)
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				if !db.labelled(n.Expr, label) {
					t.Errorf("%s: what it aggregates by %s has no such label", expression, label)
				}
			}
		}
		return nil
	})
}

// matching are the series that all matchers match.
func (db database) matching(matchers ...*labels.Matcher) (found []*series) {
	for _, s := range db {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
			return !s.labels.Has(m.Name) || !m.Matches(s.labels.Get(m.Name))
		}) {
			found = append(found, s)
		}
	}
	return found
}

// labelled reports whether every metric in an expression has the label.
func (db database) labelled(e parser.Node, label string) bool {
	all := true
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		if n, ok := node.(*parser.VectorSelector); ok {
			has := labels.MustNewMatcher(labels.MatchRegexp, label, ".*")
			all = all && len(db.matching(append(slices.Clone(n.LabelMatchers), has)...)) > 0
		}
		return nil
	})
	return all
}

// soonAfter is when a rate over five minutes sees what has happened.
const soonAfter = (idleFor + 2) * time.Minute
