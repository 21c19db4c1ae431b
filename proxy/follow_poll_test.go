package proxy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

func TestFollowPollsLoki(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	const poll, window, slack = 300 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second
	for _, test := range []struct {
		name    string
		options option
		settle  time.Duration // until it is polled
	}{
		{"poll", asLoki, 0},
		// It answers a follow at once and ends: after the third time it is polled.
		{"stream falls back", asLokiStream, time.Second},
	} {
		run(test.name, func(t *testing.T) {
			store := new(sample.Store)
			store.Append("fn", logged("s0", "backlog"))
			recorder := &sample.Recorder{Handler: &sample.Loki{Store: store}}
			p := newProxy(t, serve(t, "loki", recorder, test.options, pollEvery(poll), func(u *proxy.Upstream) {
				u.Retry = proxy.Retry{MinWait: 20 * time.Millisecond}
			}))
			p.ReorderWindow = window
			f := p.follow(t, "")
			f.awaitText("backlog")
			time.Sleep(test.settle)
			want := []string{"backlog"}
			for i := range 5 {
				text := fmt.Sprint("pushed ", i)
				pushed := time.Now()
				store.Append("fn", logged(fmt.Sprint("s", i%3), text))
				f.awaitText(text)
				if took := time.Since(pushed); took > poll+window+slack {
					t.Errorf("%s came after %v, want %v at most", text, took, poll+window)
				}
				want = append(want, text)
			}
			f.quiet(2*poll + window)
			if got := f.texts(); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if got := f.warnings(); len(got) > 0 {
				t.Errorf("warnings %q", got)
			}
			streams := 0
			for _, q := range recorder.Queries() {
				if q.Get("follow") != "" && q.Get("follow") != "false" {
					streams++
				}
			}
			if wanted := map[bool]int{true: 0, false: 3}[test.settle == 0]; streams != wanted {
				t.Errorf("it was asked to follow %d times, want %d", streams, wanted)
			}
		})
	}
}

// A poll whose answer breaks in mid-line is no half line for the client: the
// next poll brings it whole (rule 12). And no failure, for the next try is ok (21).
func TestFollowPollBreaksInMidLine(t *testing.T) {
	t.Parallel()
	store := new(sample.Store)
	flaky, up := serveFlaky(t, "loki", &sample.Loki{Store: store}, asLoki, pollEvery(50*time.Millisecond))
	p := newProxy(t, up)
	p.ReorderWindow = 50 * time.Millisecond
	f := p.follow(t, "")
	var want []string
	for i := range 30 {
		text := fmt.Sprintf("line %02d, long enough that half of it is something", i)
		store.Append("fn", logged("s0", text))
		want = append(want, text)
		if i%5 == 4 {
			flaky.breakNext()
			f.awaitText(text) // or the next try might break as well
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.awaitText(want[len(want)-1])
	f.quiet(300 * time.Millisecond)
	if got := f.texts(); !sameTexts(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := f.warnings(); len(got) > 0 {
		t.Errorf("%d warnings of breaks that the next poll made good: %q", len(got), got[0])
	}
}

// sameTexts compares what came, whatever the order.
func sameTexts(got, want []string) bool {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	return slices.Equal(got, want)
}

// More than one page of lines comes between two polls.
func TestFollowPollsPages(t *testing.T) {
	t.Parallel()
	store := new(sample.Store)
	p := newProxy(t, serve(t, "loki", &sample.Loki{Store: store, MaxLimit: 50, Interleave: true}, asLoki,
		func(u *proxy.Upstream) { u.MaxLimit = 50 }))
	p.ReorderWindow = 100 * time.Millisecond
	f := p.follow(t, "")
	var want []string
	for range 5 {
		for range 180 {
			text := fmt.Sprint("line ", len(want)/2) // each twice, some of one instant
			line := logged(fmt.Sprint("s", len(want)%3), text)
			store.Append("fn", line, line)
			want = append(want, text, text)
		}
		time.Sleep(250 * time.Millisecond)
	}
	f.await(bounds, "all", func() bool { return len(f.logs()) >= len(want) })
	f.quiet(700 * time.Millisecond)
	if got := f.texts(); !sameTexts(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}
