package monitoring_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

var language = parser.NewParser(parser.Options{})

// scrape is the time between two samples.
const scrape = time.Minute

// A database holds series with a sample for each minute from the beginning of 1970 on.
type database []*series

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

// A sample is a chunks.Sample that is no histogram.
type sample struct {
	at    int64 // milliseconds
	value float64
}

func (s sample) T() int64                    { return s.at }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.value }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }

// sampled adds what a series has in a minute.
func (s *series) sampled(minute int, value float64) {
	s.samples = append(s.samples, sample{int64(minute) * scrape.Milliseconds(), value})
}

// add takes a series as promtool's tests write one: a metric and its values.
func (db *database) add(t *testing.T, text string) {
	t.Helper()
	l, values, err := language.ParseSeriesDesc(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s := &series{labels: l}
	for minute, v := range values {
		s.sampled(minute, v.Value)
	}
	*db = append(*db, s)
}

// A database is a storage.Queryable.

func (db database) Querier(_, _ int64) (storage.Querier, error) {
	return querier{storage.NoopQuerier(), db}, nil
}

type querier struct {
	storage.Querier
	database
}

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found []storage.Series
	for _, s := range q.database {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }) {
			found = append(found, storage.NewListSeries(s.labels, s.samples))
		}
	}
	slices.SortFunc(found, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &seriesSet{found: found, at: -1}
}

type seriesSet struct {
	found []storage.Series
	at    int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.found) }
func (s *seriesSet) At() storage.Series                { return s.found[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// query evaluates an expression at a time after the beginning.
func (db database) query(t *testing.T, expression string, at time.Duration) promql.Vector {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: language})
	q, err := engine.NewInstantQuery(t.Context(), db, nil, expression, time.UnixMilli(at.Milliseconds()))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	for _, complaint := range result.Warnings.AsErrors() {
		t.Errorf("%s: %v", expression, complaint)
	}
	return slices.Clone(vector)
}
