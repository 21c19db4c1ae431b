package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// TestLokiClockAhead has a provider whose clock is two minutes ahead, and lines of all that time: they are as good as others.
func TestLokiClockAhead(t *testing.T) {
	ahead := func() time.Time { return time.Now().Add(2 * time.Minute) }
	for _, tt := range []struct {
		name           string
		oldest, newest time.Duration // negative is ahead of logmux' clock
	}{
		{"all lines are ahead", -20 * time.Second, -100 * time.Second},
		{"some lines are ahead", 10 * time.Second, -100 * time.Second},
		{"a few lines are ahead", 10 * time.Minute, -20 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := spread(time.Now(), tt.oldest, tt.newest, 1200, 4)
			store := &sample.Store{}
			store.Append("fn", lines...)
			url, asked := recorded(t, buffered(&sample.Loki{Store: store, Now: ahead, MaxLimit: 100, Seed: 3}))
			logmux := start(t, "query: {timeout: 300ms}\nupstreams: [{name: loki, kind: openfaas-loki, max_limit: 100, url: $loki}]", hosts{"loki": url})
			all := wires("fn", lines)
			for _, tail := range []int{0, 1, 99, 500} {
				t.Run(fmt.Sprintf("tail=%d", tail), func(t *testing.T) {
					before := len(asked.Queries())
					logmux.of(t).logs(request{name: "fn", tail: tail}).ok().silent().says("Ok", "loki").checkNewest(all, tail)
					if n := len(asked.Queries()) - before; n > 15 {
						t.Errorf("%d requests for 1,200 lines in pages of 100", n)
					}
				})
			}
		})
	}
}

// TestClockAhead asks the other kinds, whose clock is ahead, for what is later than logmux' own now.
func TestClockAhead(t *testing.T) {
	base := time.Now()
	ahead := func() time.Time { return time.Now().Add(30 * time.Second) }
	var lines []sample.Line
	for i := range 40 {
		lines = append(lines, sample.Line{Instance: "4711", Time: base.Add(time.Duration(i-12) * time.Second), Text: fmt.Sprint("line ", i)})
	}
	store := &sample.Store{}
	store.Append("fn", lines...)
	netes, faasd := netesHabit, faasd(254)
	for _, tt := range []struct {
		kind string
		habit
		url string
	}{
		{"faas-netes", netes, serve(t, &sample.FaasNetes{Store: store, Now: ahead})},
		{"faasd", faasd, serve(t, &sample.Faasd{Store: store, Now: ahead, Systemd: 254})},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			logmux := start(t, "upstreams: [{name: one, kind: "+tt.kind+", url: $one}]", hosts{"one": tt.url})
			for _, r := range []request{
				{name: "fn", since: base.Add(5 * time.Second)}, // in logmux' future at first, but not in the provider's
				{name: "fn", since: base.Add(-5 * time.Second)},
				{name: "fn", since: base.Add(10 * time.Second), tail: 3},
				{name: "fn", tail: 5},
			} {
				logmux.logs(r).ok().silent().has(tt.expect(r, lines))
			}
		})
	}
}
