package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A failing upstream is told once until it is ok again, and then again.
func TestFollowWarnsOncePerFailure(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, test := range []struct {
		name    string
		options option
		handler func(*sample.Store) http.Handler
	}{
		{"stream", asFaasNetes, func(s *sample.Store) http.Handler { return &sample.FaasNetes{Store: s} }},
		{"poll", asLoki, func(s *sample.Store) http.Handler { return &sample.Loki{Store: s} }},
	} {
		run(test.name, func(t *testing.T) {
			store, other := new(sample.Store), new(sample.Store)
			store.Append("fn", logged("pod", "backlog"))
			other.Append("fn", logged("pod", "of the other"))
			flaky, up := serveFlaky(t, "flaky", test.handler(store), test.options, pollEvery(50*time.Millisecond), retries(1))
			p := newProxy(t, up, serve(t, "other", &sample.FaasNetes{Store: other}))
			p.ReorderWindow = -1
			f := p.follow(t, "")
			f.awaitText("backlog")
			for round := 1; round <= 3; round++ {
				flaky.down()
				f.await(bounds, "warning", func() bool { return len(f.warnings()) >= round })
				marker := fmt.Sprint("after failure ", round)
				other.Append("fn", logged("pod", marker))
				f.awaitText(marker)
				time.Sleep(300 * time.Millisecond) // more tries fail
				flaky.up()
				text := fmt.Sprint("ok again ", round)
				store.Append("fn", logged("pod", text))
				f.awaitText(text)
				if got := len(f.warnings()); got != round {
					t.Fatalf("%d warnings after %d failures: %q", got, round, f.warnings())
				}
			}
			place, seen := 0, 0
			for _, l := range f.only(func(l received) bool { return !l.blank() }) {
				text := strings.TrimSuffix(l.Text, "\n")
				if l.warning() {
					seen++
					if l.Name != "fn" || time.Since(l.Timestamp) > time.Minute || !strings.HasPrefix(text, "logmux: flaky failed: dial") {
						t.Errorf("warning %+v", l.message)
					}
				}
				if strings.HasPrefix(text, "after failure") {
					if place++; seen != place {
						t.Errorf("%q stands after %d warnings", text, seen)
					}
				}
			}
		})
	}
}

func TestFollowWarningsOff(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, test := range []struct {
		query string
		off   bool
		want  int
	}{{"", false, 1}, {"&warnings=off", false, 0}, {"", true, 0}, {"&warnings=inline", true, 1}} {
		run(fmt.Sprint(test.query, test.off), func(t *testing.T) {
			p := newProxy(t, at(t, "away", refusing(t)), serve(t, "a", &sample.FaasNetes{Store: quietStore()}))
			p.NoWarnings = test.off
			p.FollowTimeout = 600 * time.Millisecond
			f := p.follow(t, test.query)
			if got := f.end(bounds); got != "" && got != "away=dial" {
				t.Errorf("trailer %q", got)
			}
			if got := f.warnings(); len(got) != test.want {
				t.Errorf("warnings %q, want %d", got, test.want)
			}
		})
	}
}

// An end, clean or not, is no failure where the next try is ok.
func TestFollowDoesNotWarnOfAnEnd(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, test := range []struct {
		name string
		end  func(*flaky)
	}{
		{"clean", (*flaky).endAnswers},
		{"broken in mid-line", (*flaky).breakMidLine},
		{"reset", (*flaky).reset},
		{"restarted at once", func(f *flaky) { f.down(); f.up() }},
	} {
		run(test.name, func(t *testing.T) {
			store := quietStore()
			flaky, up := serveFlaky(t, "flaky", &sample.FaasNetes{Store: store}, asFaasNetes, defaultRetry, pollEvery(100*time.Millisecond))
			p := newProxy(t, up)
			p.ReorderWindow = -1
			f := p.follow(t, "&tail=1")
			f.awaitText("long ago")
			for i := range 5 {
				test.end(flaky)
				store.Append("fn", logged("pod", fmt.Sprint("line ", i)))
				f.awaitText(fmt.Sprint("line ", i))
			}
			if got := f.warnings(); len(got) > 0 {
				t.Errorf("warnings %q", got)
			}
			if got := f.texts(); len(got) != 6 {
				t.Errorf("%d lines: %q", len(got), got)
			}
		})
	}
	run("a provider's timeout", func(t *testing.T) {
		store := quietStore()
		recorder := &sample.Recorder{Handler: &sample.FaasNetes{Store: store, Timeout: 200 * time.Millisecond}}
		p := newProxy(t, serve(t, "a", recorder, asFaasNetes, defaultRetry))
		f := p.follow(t, "&tail=1")
		time.Sleep(2 * time.Second)
		if got := f.warnings(); len(got) > 0 {
			t.Errorf("warnings %q", got)
		}
		if n := len(recorder.Queries()); n < 3 {
			t.Errorf("asked %d times: the test shows nothing", n)
		}
	})
}

// What an inner logmux warns of comes through once, however often it is asked again.
func TestFollowPassesOnAnInnerWarningOnce(t *testing.T) {
	t.Parallel()
	store := quietStore()
	inner := newProxy(t, at(t, "away", refusing(t)), serve(t, "netes", &sample.FaasNetes{Store: store}, asFaasNetes))
	inner.FollowTimeout = 300 * time.Millisecond // so it is asked again and again
	p := newProxy(t, at(t, "inner", inner.URL, ordered, defaultRetry))
	f := p.follow(t, "")
	time.Sleep(2 * time.Second)
	store.Append("fn", logged("pod", "live"))
	f.awaitText("live")
	if got := f.warnings(); len(got) != 1 || !strings.Contains(got[0], "away failed: dial") {
		t.Errorf("%d warnings, want one of the inner upstream: %q", len(got), got)
	}
}

// An upstream that becomes a login page is one failure, and its page not
// repeated for as long as the follow lasts.
func TestFollowOfAnUpstreamThatBecomesAPage(t *testing.T) {
	t.Parallel()
	store := quietStore()
	faults := &sample.Faults{Handler: &sample.FaasNetes{Store: store}}
	flaky, up := serveFlaky(t, "page", faults, asFaasNetes, retries(1), pollEvery(100*time.Millisecond))
	p := newProxy(t, up)
	p.ReorderWindow = -1
	f := p.follow(t, "&tail=1")
	f.awaitText("long ago")
	faults.Set(sample.HTML())
	flaky.reset()
	time.Sleep(2500 * time.Millisecond)
	seen := map[string]int{}
	for _, text := range f.texts() {
		if seen[text]++; seen[text] > 1 {
			t.Errorf("%q came again after %d askings", text, flaky.asked.Load())
			break
		}
	}
	if got := f.warnings(); len(got) > 1 {
		t.Errorf("%d warnings: %q", len(got), got[:2])
	}
}

// Streams that break as soon as they have repeated what is known are of no use,
// and the waits grow.
func TestFollowWaitsGrowWhereNothingNewComes(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, test := range []struct {
		name  string
		fault sample.Fault
	}{
		{"refused", sample.Refuse(http.StatusForbidden, nil)},
		{"breaks at once", sample.CutAfter(0)},
		{"breaks after lines that are known", sample.CutAfter(3)},
	} {
		run(test.name, func(t *testing.T) {
			store := new(sample.Store)
			for i := range 10 {
				store.Append("fn", logged("pod", fmt.Sprint("line ", i)))
			}
			faults := &sample.Faults{Handler: &sample.FaasNetes{Store: store}}
			flaky, up := serveFlaky(t, "a", faults, asFaasNetes, func(u *proxy.Upstream) { u.Retry.MinWait = 20 * time.Millisecond })
			p := newProxy(t, up)
			f := p.follow(t, "")
			f.awaitText("line 9")
			faults.Set(test.fault)
			flaky.reset()
			before := flaky.asked.Load()
			time.Sleep(3 * time.Second)
			// 20, 40, 80, ... ms with jitter: 9 in 3 s at the most.
			if asked := flaky.asked.Load() - before; asked > 12 || asked < 3 {
				t.Errorf("asked %d times within 3 s", asked)
			}
		})
	}
}
