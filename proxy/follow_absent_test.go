package proxy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// A function that is deployed on a further cluster appears, and again after it was removed.
func TestFollowFunctionAppears(t *testing.T) {
	t.Parallel()
	const interval = 300 * time.Millisecond
	first, second := quietStore(), new(sample.Store)
	p := newProxy(t,
		serve(t, "first", &sample.FaasNetes{Store: first}, asFaasNetes),
		serve(t, "second", &sample.FaasNetes{Store: second, Timeout: 500 * time.Millisecond}, asFaasNetes, absentEvery(interval), defaultRetry))
	p.ReorderWindow = 100 * time.Millisecond
	f := p.follow(t, "&tail=10")
	f.awaitText("long ago")
	want := []string{"long ago"}
	time.Sleep(500 * time.Millisecond)
	for _, text := range []string{"deployed", "deployed again"} {
		start := time.Now()
		second.Append("fn", logged("pod of "+text, text), logged("pod of "+text, text+", line 2"))
		f.awaitText(text + ", line 2")
		if took := time.Since(start); took > interval+2*time.Second {
			t.Errorf("%s: took %v", text, took)
		}
		second.Append("fn", logged("pod of "+text, text+", live"))
		f.awaitText(text + ", live")
		want = append(want, text, text+", line 2", text+", live")
		time.Sleep(200 * time.Millisecond)
		second.Remove("fn")
		time.Sleep(700 * time.Millisecond) // until it is known to be absent
	}
	if got := f.texts(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := f.warnings(); len(got) > 0 {
		t.Errorf("warnings %q", got)
	}
}

// While a function is absent it is asked for each absent_interval, and not more.
func TestFollowAsksTheAbsentInIntervals(t *testing.T) {
	t.Parallel()
	recorder := &sample.Recorder{Handler: &sample.FaasNetes{}}
	p := newProxy(t,
		serve(t, "there", &sample.FaasNetes{Store: quietStore()}),
		serve(t, "absent", recorder, absentEvery(200*time.Millisecond), retries(2)))
	p.follow(t, "")
	start := time.Now()
	for len(recorder.Queries()) < 6 && time.Since(start) < bounds {
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(start); took < 800*time.Millisecond || took >= bounds {
		t.Errorf("asked %d times within %v, want each 200 ms", len(recorder.Queries()), took)
	}
}
