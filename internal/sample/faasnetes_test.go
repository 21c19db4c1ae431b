package sample

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// onePod logged at 0, 10, 20, 30 and 40 s past 12:00.
func onePod(t testing.TB, now string) *FaasNetes {
	store := new(Store)
	store.Append("f", series("p", 5, 10*time.Second, at(t, "2026-01-01T12:00:40Z"))...)
	return &FaasNetes{Store: store, Now: clockAt(t, now)}
}

func TestFaasNetesWindow(t *testing.T) {
	tests := map[string]struct{ now, query, want string }{
		"five minutes":           {"2026-01-01T12:05:20Z", "", "p line 02,p line 03,p line 04"},
		"none with tail":         {"2026-01-02T12:00:00Z", "&tail=2", "p line 03,p line 04"},
		"tail -1 is no tail":     {"2026-01-01T12:05:20Z", "&tail=-1", "p line 02,p line 03,p line 04"},
		"since on a second":      {"2026-01-01T12:01:00Z", "&since=2026-01-01T12:00:20Z", "p line 02,p line 03,p line 04"},
		"since starts late":      {"2026-01-01T12:01:00.9Z", "&since=2026-01-01T12:00:20Z", "p line 03,p line 04"},
		"since of a second":      {"2026-01-01T12:00:41Z", "&since=2026-01-01T12:00:40Z", "p line 04"},
		"since younger":          {"2026-01-01T12:00:40.9Z", "&since=2026-01-01T12:00:40Z", ""},
		"since in the future":    {"2026-01-01T12:00:41Z", "&since=2026-01-01T13:00:00Z&tail=3", ""},
		"tail within since":      {"2026-01-01T12:01:00Z", "&since=2026-01-01T12:00:10Z&tail=2", "p line 03,p line 04"},
		"since within tail":      {"2026-01-01T12:01:00Z", "&since=2026-01-01T12:00:30Z&tail=4", "p line 03,p line 04"},
		"instance is ignored":    {"2026-01-01T12:01:00Z", "&instance=other&tail=1", "p line 04"},
		"namespace is honoured":  {"2026-01-01T12:01:00Z", "&namespace=openfaas-fn&tail=1", "p line 04"},
		"everything out of time": {"2026-01-01T13:00:00Z", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, body := ask(t, onePod(t, test.now), "name=f"+test.query)
			if got := texts(t, body); status != 200 || got != test.want {
				t.Errorf("%d %q, want 200 %q", status, got, test.want)
			}
		})
	}
	if status, body := ask(t, onePod(t, "2026-01-01T12:01:00Z"), "name=f&namespace=other"); status != 500 {
		t.Errorf("other namespace: %d %q, want 500", status, body)
	}
}

func TestFaasNetesInterleaves(t *testing.T) {
	provider := netes(t)
	_, blocks := ask(t, provider, "name=nodeinfo")
	provider.Interleave = true
	_, mixed := ask(t, provider, "name=nodeinfo")
	if !maps.Equal(byInstance(t, blocks), byInstance(t, mixed)) {
		t.Error("other lines when interleaved")
	}
	if got := changes(t, blocks); got != 2 {
		t.Errorf("%d changes of pod in blocks, want 2", got)
	}
	if got := changes(t, mixed); got < 10 {
		t.Errorf("%d changes of pod when interleaved", got)
	}
	again := netes(t)
	again.Store = provider.Store
	again.Interleave = true
	ask(t, again, "name=nodeinfo")
	if _, same := ask(t, again, "name=nodeinfo"); same != mixed {
		t.Error("the second request of a seed differs")
	}
}

// changes counts how often an answer goes from one instance to another.
func changes(t *testing.T, ndjson string) (n int) {
	sent := messages(t, ndjson)
	for i := range sent[1:] {
		if sent[i].Instance != sent[i+1].Instance {
			n++
		}
	}
	return n
}

func TestFaasNetesPodsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Store)
		provider := &FaasNetes{Store: store, Pods: map[string]Pod{"slow": {Lag: 3 * time.Second}, "slower": {Lag: time.Minute}}}
		store.Append("f", Line{Instance: "slower", Text: "r0", Time: time.Now()})
		store.Append("f", Line{Instance: "slow", Text: "s0", Time: time.Now()}, Line{Instance: "fast", Text: "f0", Time: time.Now()})
		answer := start(t, provider, "name=f&follow=true&tail=1")
		answer.take()

		store.Append("f", Line{Instance: "slower", Text: "r1"}, Line{Instance: "slow", Text: "s1"})
		time.Sleep(time.Second)
		store.Append("f", Line{Instance: "fast", Text: "f1"}, Line{Instance: "slow", Text: "s2"})
		answer.expect("f1")
		time.Sleep(2 * time.Second)
		answer.expect("s1")
		time.Sleep(time.Second)
		answer.expect("s2")
		time.Sleep(55 * time.Second)
		answer.expect("")
		time.Sleep(time.Second)
		answer.expect("r1")
		answer.end()
	})
}

func TestFaasNetesFollowSeesPodsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Store)
		store.Append("f", Line{Instance: "old", Text: "old", Time: time.Now()})
		answer := start(t, &FaasNetes{Store: store}, "name=f&follow=true&tail=2")
		answer.expect("old")
		store.Append("f", series("new", 3, time.Second, time.Now())...)
		answer.expect("new line 01,new line 02")
		store.Append("f", Line{Instance: "new", Namespace: "other", Text: "elsewhere"})
		store.Append("g", Line{Instance: "new", Text: "another function"})
		store.Remove("f")
		answer.expect("")
		store.Append("f", Line{Instance: "old", Text: "back"})
		answer.expect("back")
		answer.end()
	})
}

func TestFaasNetesFollowOfARefusedPodStaysOpenAndSilent(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"now": 0, "future": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(Store)
				store.Append("f", Line{Instance: "p", Text: "before", Time: time.Now()})
				since := time.Now().Add(ahead).UTC().Format(time.RFC3339)
				answer := start(t, &FaasNetes{Store: store}, "name=f&follow=true&since="+since)
				store.Append("f", Line{Instance: "p", Text: "after", Time: time.Now()})
				answer.expect("")
				answer.end()
			})
		})
	}
}

func TestFaasNetesStuckPodHoldsABoundedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Store)
		store.Append("f", Line{Instance: "stuck", Text: "never"}, Line{Instance: "free", Text: "free"})
		answer := start(t, &FaasNetes{Store: store, Pods: map[string]Pod{"stuck": {Stuck: true}}}, "name=f&tail=1")
		answer.expect("free")
		time.Sleep(time.Hour)
		answer.end()
	})
}
