package sample

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// netesStore holds the three pods of the faas-netes fixtures, 40 lines each, and the pods of "half".
func netesStore(t testing.TB) *Store {
	store := new(Store)
	for pod, end := range map[string]string{
		"nodeinfo-7d9f-aaaaa": "2026-11-22T06:13:20.383Z",
		"nodeinfo-7d9f-bbbbb": "2026-11-22T06:13:15.383Z",
		"nodeinfo-7d9f-ccccc": "2026-11-22T06:13:10.383Z",
	} {
		store.Append("nodeinfo", series(pod, 40, 15*time.Second, at(t, end))...)
	}
	store.Append("half", series("half-ok", 3, time.Second, at(t, "2026-11-22T06:13:21.383Z"))...)
	store.Append("half", series("half-broken", 3, time.Second, at(t, "2026-11-22T06:13:21.383Z"))...)
	return store
}

func netes(t testing.TB) *FaasNetes {
	return &FaasNetes{
		Store: netesStore(t),
		Now:   clockAt(t, "2026-11-22T06:13:22.5Z"),
		Pods:  map[string]Pod{"half-broken": {Failing: true}},
	}
}

// faasd has a journal that holds a fixture's lines, and more.
func faasd(t testing.TB, now, file string) *Faasd {
	store := new(Store)
	if file == "faasd-journal" {
		first := messages(t, fixture(t, file+".ndjson"))[0]
		first.Timestamp = first.Timestamp.Add(-10*time.Second - 7*time.Microsecond) // just before the window
		fill(store, first)
	}
	fill(store, messages(t, fixture(t, file+".ndjson"))...)
	if file == "faasd-journal-tail5" {
		fill(store, messages(t, fixture(t, "faasd-journal.ndjson"))...)
	}
	return &Faasd{Store: store, Now: clockAt(t, now)}
}

func loki(t testing.TB) *Loki {
	store := fill(new(Store), messages(t, fixture(t, "loki-3streams-all.ndjson"))...)
	fill(store, messages(t, fixture(t, "loki-same-nanosecond.ndjson"))...)
	return &Loki{Store: store, Now: clockAt(t, "2026-11-22T06:19:44Z")}
}

func static(t testing.TB) *Static {
	sent := messages(t, fixture(t, "static-example.ndjson"))
	return &Static{Now: func() time.Time {
		next := sent[0].Timestamp
		sent = sent[1:]
		return next
	}}
}

// A real is a bounded answer of a real provider, and the request that brings it.
type real struct {
	file, query string
	handler     http.Handler
	anyOrder    bool // of instances: the real order is random
}

func reals(t testing.TB) []real {
	return []real{
		{"faas-netes-3pods-default5m", "name=nodeinfo", netes(t), true},
		{"faas-netes-3pods-since40s", "name=nodeinfo&since=2026-11-22T06:12:42Z", netes(t), true},
		{"faas-netes-3pods-tail2-instance-ignored", "name=nodeinfo&tail=2&instance=nodeinfo-7d9f-aaaaa", netes(t), true},
		{"faas-netes-3pods-tail5", "name=nodeinfo&tail=5", netes(t), true},
		{"faas-netes-future-since", "name=nodeinfo&since=2027-01-01T00:00:00Z", netes(t), false},
		{"faas-netes-missing-fn", "name=missing", netes(t), false},
		{"faas-netes-one-pod-500", "name=half", netes(t), false},
		{"faasd-journal", "name=nodeinfo", faasd(t, "2026-11-22T06:06:16Z", "faasd-journal"), false},
		{"faasd-journal-tail5", "name=nodeinfo&tail=5", faasd(t, "2026-11-22T06:05:17Z", "faasd-journal-tail5"), false},
		{"faasd-missing-fn", "name=missing", faasd(t, "2026-11-22T06:05:17Z", "faasd-journal"), false},
		{"faasd-weird-empty", "name=empty", faasd(t, "2026-11-22T06:05:35Z", "faasd-weird-empty"), false},
		{"faasd-weird-html", "name=html", faasd(t, "2026-11-22T06:05:35Z", "faasd-weird-html"), false},
		{"faasd-weird-multiline", "name=multiline", faasd(t, "2026-11-22T06:05:35Z", "faasd-weird-multiline"), false},
		{"loki-3streams-all", "name=figlet", loki(t), true},
		{"loki-3streams-limit5", "name=figlet&tail=5", loki(t), true},
		{"loki-3streams-since35s", "name=figlet&since=2026-11-22T06:19:09Z", loki(t), true},
		{"loki-3streams-since35s-limit3", "name=figlet&since=2026-11-22T06:19:09Z&tail=3", loki(t), true},
		{"loki-follow-true-tail5", "name=figlet&follow=true&tail=5", loki(t), true},
		{"loki-missing-fn", "name=missing", loki(t), false},
		{"loki-same-nanosecond", "name=same", loki(t), true},
	}
}

func TestAnswersAsTheRealProvider(t *testing.T) {
	for _, real := range reals(t) {
		t.Run(real.file, func(t *testing.T) {
			head, body := askRaw(t, real.handler, real.query)
			if want := dateHeader.ReplaceAllString(fixture(t, real.file+".headers"), ""); head != want {
				t.Errorf("head\n%q, want\n%q", head, want)
			}
			want := fixture(t, real.file+".ndjson")
			if real.anyOrder {
				if got, want := byInstance(t, body), byInstance(t, want); !maps.Equal(got, want) {
					t.Errorf("by instance\n%v, want\n%v", got, want)
				}
			} else if body != want {
				t.Errorf("body\n%s, want\n%s", body, want)
			}
		})
	}
}

func TestRandomOrdersIncludeTheReal(t *testing.T) {
	for _, real := range reals(t) {
		if !real.anyOrder {
			continue
		}
		t.Run(real.file, func(t *testing.T) {
			if loki, ok := real.handler.(*Loki); ok && real.file == "loki-same-nanosecond" {
				loki.Interleave = true
			}
			want := fixture(t, real.file+".ndjson")
			orders := make(map[string]bool)
			for range 100 {
				_, body := ask(t, real.handler, real.query)
				orders[body] = true
			}
			if !orders[want] || len(orders) < 2 {
				t.Errorf("%d orders, the real one among them: %v", len(orders), orders[want])
			}
		})
	}
}

func TestFaasNetesFollowsAsTheRealOne(t *testing.T) {
	provider := netes(t)
	answer := follow(t, provider, "name=nodeinfo&tail=1")
	want := strings.SplitAfterN(fixture(t, "faas-netes-3pods-follow-tail1.ndjson"), "\n", 4)
	backlog, live := strings.Join(want[:3], ""), want[3]
	if got := byInstance(t, answer.lines(3)); !maps.Equal(got, byInstance(t, backlog)) {
		t.Errorf("backlog %v", got)
	}
	for line := range strings.Lines(live) {
		fill(provider.Store, messages(t, line)...)
		if got := answer.lines(1); got != line {
			t.Errorf("got %s, want %s", got, line)
		}
	}
}

func TestFaasdFollowsAsTheRealOne(t *testing.T) {
	const backlog = 14
	lines := strings.SplitAfter(fixture(t, "faasd-journald-follow.ndjson"), "\n")
	provider := &Faasd{Store: new(Store), Now: clockAt(t, "2026-11-22T06:06:57.5Z")}
	fill(provider.Store, messages(t, strings.Join(lines[:backlog], ""))...)
	answer := follow(t, provider, "name=nodeinfo")
	if got, want := answer.lines(backlog), strings.Join(lines[:backlog], ""); got != want {
		t.Errorf("backlog %s, want %s", got, want)
	}
	for _, line := range lines[backlog : len(lines)-1] {
		fill(provider.Store, messages(t, line)...)
		if got := answer.lines(1); got != line {
			t.Errorf("got %s, want %s", got, line)
		}
	}
}

func TestFaasdTailOfAFollowAsTheRealOne(t *testing.T) {
	provider := faasd(t, "2026-11-22T06:07:05Z", "faasd-journald-follow")
	answer := follow(t, provider, "name=nodeinfo&tail=2")
	if got, want := answer.lines(2), fixture(t, "faasd-journald-follow-tail2.ndjson"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
