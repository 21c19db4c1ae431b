package e2e_test

import (
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// TestChainDeadline has an inner logmux wait for an upstream longer than the outer one waits for it: what the inner one
// has by then comes through, and says what is missing.
func TestChainDeadline(t *testing.T) {
	const wait = time.Second // of the outermost
	at := time.Now().Add(-time.Minute).UTC()
	line := func(text string, seconds int) string {
		return message{"fn", "", "pod", at.Add(time.Duration(seconds) * time.Second), text}.wire()
	}
	inner := []string{line("one", 0), line("three", 2)}
	outer := line("two", 1)
	all := []string{inner[0], outer, inner[1]}
	for _, tt := range []struct {
		name    string
		fault   sample.Fault // of one of the inner upstreams
		config  string       // of the outermost
		levels  int          // between it and the fault
		queries []string
	}{
		{"header_timeout", sample.HangBeforeHeader(), "defaults: {header_timeout: 1s}", 1, []string{"name=fn", "name=fn&tail=10"}},
		{"header_timeout of two", sample.HangBeforeHeader(), "defaults: {header_timeout: 1s}", 2, []string{"name=fn"}},
		{"query.timeout", sample.HangBeforeHeader(), "query: {timeout: 1s}", 1, []string{"name=fn"}},
		{"an upstream that is stuck", sample.HangAfter(0), "defaults: {header_timeout: 1s}", 1, []string{"name=fn&tail=10"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next := start(t, `
defaults: {header_timeout: 10s, idle_timeout: 10s}
upstreams: [{name: well, url: $well}, {name: hole, url: $hole}]
`, hosts{"well": serve(t, answers(inner...)), "hole": serve(t, tt.fault(answers(smallLine)))})
			for range tt.levels - 1 {
				next = start(t, "upstreams: [{name: between, kind: logmux, url: $next}]", hosts{"next": next.url})
			}
			logmux := start(t, tt.config+"\nupstreams: [{name: beside, url: $beside}, {name: inner, kind: logmux, url: $next}]",
				hosts{"beside": serve(t, answers(outer)), "next": next.url})
			for _, query := range tt.queries {
				begin := time.Now()
				logmux.ask(query).ok().says("Ok", "beside,inner").says("Failed", "").warns([]string{"hole", "timeout"}).has(all)
				if took := time.Since(begin); took < wait/2 || took > 2*wait {
					t.Errorf("%s: the answer took %v, want about %v", query, took, wait)
				}
			}
		})
	}
}
