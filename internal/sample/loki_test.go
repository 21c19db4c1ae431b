package sample

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestLokiWindow(t *testing.T) {
	tests := map[string]struct{ now, query, want string }{
		"an hour":             {"2026-01-01T13:00:30Z", "", "p line 03,p line 04"},
		"since is inclusive":  {"2026-01-02T00:00:00Z", "&since=2026-01-01T12:00:30Z", "p line 03,p line 04"},
		"since is exact":      {"2026-01-02T00:00:00Z", "&since=2026-01-01T12:00:30.000000001Z", "p line 04"},
		"since 30 days ago":   {"2026-01-31T12:00:30Z", "&since=2026-01-01T12:00:30Z", "p line 03,p line 04"},
		"since before that":   {"2026-01-31T12:00:31Z", "&since=2026-01-01T12:00:30Z", ""},
		"since in the future": {"2026-01-01T12:01:00Z", "&since=2026-01-01T12:02:00Z", ""},
		"lines to come":       {"2026-01-01T12:00:10Z", "", "p line 00,p line 01"},
		"oldest":              {"2026-01-01T12:01:00Z", "&tail=2", "p line 00,p line 01"},
		"tail of 5000":        {"2026-01-01T12:01:00Z", "&tail=5000&since=2026-01-01T12:00:40Z", "p line 04"},
		"tail above 5000":     {"2026-01-01T12:01:00Z", "&tail=5001&since=2026-01-01T12:00:40Z", ""},
		"own instance":        {"2026-01-01T12:01:00Z", "&instance=p&tail=1", "p line 00"},
		"other instance":      {"2026-01-01T12:01:00Z", "&instance=q", ""},
		"namespace ignored":   {"2026-01-01T12:01:00Z", "&namespace=other&tail=1", "p line 00"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			provider := &Loki{Store: onePod(t, test.now).Store, Now: clockAt(t, test.now)}
			status, body := ask(t, provider, "name=f"+test.query)
			if got := texts(t, body); status != 200 || got != test.want {
				t.Errorf("%d %q, want 200 %q", status, got, test.want)
			}
		})
	}
}

func TestLokiLimits(t *testing.T) {
	now := time.Now()
	store := new(Store)
	store.Append("f", series("p", 300, time.Second, now)...)
	provider := &Loki{Store: store, MaxLimit: 200, MaxQueryLength: 2 * time.Hour}
	old := now.Add(-3 * time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]int{"": 100, "&tail=0": 100, "&tail=-1": 100, "&tail=200": 200, "&tail=201": 0, "&since=" + old: 0} {
		_, body := ask(t, provider, "name=f"+query)
		if got := len(messages(t, body)); got != want {
			t.Errorf("%q: %d lines, want %d", query, got, want)
		}
	}
}

func TestLokiChangesWhichOfEqualInstantsATailKeeps(t *testing.T) {
	store, now := new(Store), time.Now()
	for i := range 3 {
		store.Append("f", Line{Instance: fmt.Sprint(i), Time: now, Text: fmt.Sprint(i)})
	}
	kept := make(map[string]bool)
	provider := &Loki{Store: store}
	for range 50 {
		_, body := ask(t, provider, "name=f&tail=1")
		kept[texts(t, body)] = true
	}
	if len(kept) != 3 {
		t.Errorf("kept %v, want each once at least", kept)
	}
}

func TestLokiLosesAnInstanceWithAComma(t *testing.T) {
	store := new(Store)
	store.Append("f", Line{Instance: "a,b", Namespace: "n", Time: time.Now(), Text: "text"})
	_, body := ask(t, &Loki{Store: store}, "name=f")
	if sent := messages(t, body); len(sent) != 1 || sent[0].Instance != "" || sent[0].Namespace != "" {
		t.Errorf("got %v", sent)
	}
}

func TestLokiAnswersAFollowAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Store)
		store.Append("f", Line{Text: "text", Time: time.Now()})
		answer := start(t, &Loki{Store: store}, "name=f&follow=true")
		answer.expect("text")
		if !answer.over() {
			t.Error("still running")
		}
		answer.leave()
	})
}
