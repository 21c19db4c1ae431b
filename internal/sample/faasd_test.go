package sample

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func oneJournal(t testing.TB, now string) *Faasd {
	return &Faasd{Store: onePod(t, now).Store, Now: clockAt(t, now)}
}

func TestFaasdWindow(t *testing.T) {
	tests := map[string]struct {
		now, query, want string
		systemd          int
	}{
		"five minutes":            {now: "2026-01-01T12:05:20Z", want: "p line 02,p line 03,p line 04"},
		"in whole seconds":        {now: "2026-01-01T12:05:20.9Z", want: "p line 02,p line 03,p line 04"},
		"since":                   {now: "2026-01-02T12:00:00Z", query: "&since=2026-01-01T12:00:30Z", want: "p line 03,p line 04"},
		"since with extra":        {now: "2026-01-02T12:00:00Z", query: "&since=2026-01-01T12:00:30.9Z", want: "p line 03,p line 04"},
		"since in the future":     {now: "2026-01-01T12:05:20Z", query: "&since=2027-01-01T00:00:00Z", want: "p line 02,p line 03,p line 04"},
		"tail keeps the oldest":   {now: "2026-01-01T12:01:00Z", query: "&tail=2", want: "p line 00,p line 01"},
		"of the window":           {now: "2026-01-01T12:05:20Z", query: "&tail=2", want: "p line 02,p line 03"},
		"253":                     {now: "2026-01-01T12:01:00Z", query: "&tail=2", want: "p line 00,p line 01", systemd: 253},
		"254 keeps the newest":    {now: "2026-01-01T12:01:00Z", query: "&tail=2", want: "p line 03,p line 04", systemd: 254},
		"instance is ignored":     {now: "2026-01-01T12:01:00Z", query: "&tail=1&instance=other", want: "p line 00"},
		"own namespace":           {now: "2026-01-01T12:01:00Z", query: "&tail=1&namespace=openfaas-fn", want: "p line 00"},
		"other namespace":         {now: "2026-01-01T12:01:00Z", query: "&namespace=other", want: ""},
		"tail above what is held": {now: "2026-01-01T12:05:30Z", query: "&tail=9", want: "p line 03,p line 04"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			provider := oneJournal(t, test.now)
			provider.Systemd = test.systemd
			status, body := ask(t, provider, "name=f"+test.query)
			if got := texts(t, body); status != 200 || got != test.want {
				t.Errorf("%d %q, want 200 %q", status, got, test.want)
			}
		})
	}
}

func TestFaasdIsSortedOverInstances(t *testing.T) {
	provider := &Faasd{Store: netesStore(t), Now: netes(t).Now}
	_, body := ask(t, provider, "name=nodeinfo")
	sent := messages(t, body)
	if len(sent) != 60 {
		t.Fatalf("%d lines, want 60", len(sent))
	}
	for i := range sent[1:] {
		if sent[i+1].Timestamp.Before(sent[i].Timestamp) {
			t.Errorf("%v after %v", sent[i+1].Timestamp, sent[i].Timestamp)
		}
	}
}

func TestFaasdText(t *testing.T) {
	tests := map[string]struct {
		text, want string
		ends       bool
	}{
		"plain":           {text: "a\tb\n", want: "a\tb\n"},
		"4096 bytes":      {text: strings.Repeat("x", 4096), want: strings.Repeat("x", 4096)},
		"over 4096 bytes": {text: strings.Repeat("x", 4097), want: ""},
		"ANSI escape":     {text: "\x1b[31mred", ends: true},
		"invalid UTF-8":   {text: "a\xffb", ends: true},
		"carriage return": {text: "a\r", ends: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 12, 0, 0, 123456789, time.UTC)
			store := new(Store)
			store.Append("f", Line{Time: now, Text: test.text}, Line{Time: now, Text: "next"})
			_, body := ask(t, &Faasd{Store: store, Now: func() time.Time { return now }}, "name=f")
			sent := messages(t, body)
			if test.ends {
				if len(sent) != 0 {
					t.Errorf("%d lines, want none", len(sent))
				}
				return
			}
			if len(sent) != 2 || sent[0].Text != test.want || sent[1].Text != "next" {
				t.Fatalf("got %v", sent)
			}
			if !strings.Contains(body, `"timestamp":"2026-01-01T12:00:00.123456Z"`) {
				t.Errorf("no microseconds: %s", body)
			}
		})
	}
}

func TestFaasdLosesTheEndOfSomeAnswers(t *testing.T) {
	provider := oneJournal(t, "2026-01-01T12:01:00Z")
	_, whole := ask(t, provider, "name=f")
	provider.Loss = 0.5
	short := 0
	for range 100 {
		_, body := ask(t, provider, "name=f")
		if !strings.HasPrefix(whole, body) {
			t.Fatalf("got %s", body)
		}
		if body != whole {
			short++
		}
	}
	if short < 25 || short > 75 {
		t.Errorf("%d of 100 answers short, want about 50", short)
	}
}

func TestFaasdSendsWhatTailSkippedWithTheNextNewLine(t *testing.T) {
	real := messages(t, fixture(t, "faasd-journald-follow-tail2-late-history.ndjson"))
	old, live := real[:6], real[6:]
	synctest.Test(t, func(t *testing.T) {
		store := fill(new(Store), old...)
		answer := start(t, &Faasd{Store: store, Now: clockAt(t, "2026-11-22T06:40:13.5Z")}, "name=nodeinfo&tail=2&follow=true")
		time.Sleep(time.Hour)
		answer.expect("old line 0,old line 1")
		store.Append("other", Line{Text: "another function"})
		answer.expect("")
		fill(store, live[0])
		answer.expect("old line 2,old line 3,old line 4,old line 5,new line 0")
		fill(store, live[1])
		answer.expect("new line 1")
		answer.end()
	})
}

func TestFaasdFrom254SendsNothingLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := oneJournal(t, "2026-01-01T12:01:00Z")
		provider.Systemd = 254
		answer := start(t, provider, "name=f&tail=1&follow=true")
		answer.expect("p line 04")
		provider.Store.Append("f", Line{Instance: "p", Text: "live"})
		answer.expect("live")
		provider.Store.Remove("f")
		answer.expect("")
		provider.Store.Append("f", Line{Instance: "p", Text: "back"})
		answer.expect("back")
		answer.end()
	})
}

func TestFaasdFollowOfAMissingFunctionWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Store)
		answer := start(t, &Faasd{Store: store}, "name=f&follow=true")
		answer.expect("")
		store.Append("f", Line{Text: "first"})
		answer.expect("first")
		store.Append("f", Line{Text: "\x1b[0m"}, Line{Text: "lost"})
		answer.expect("")
		if !answer.over() {
			t.Error("went on after an entry that faasd cannot decode")
		}
		answer.leave()
	})
}
