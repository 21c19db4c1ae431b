package proxy_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

func TestFollowKeepalive(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	const keepalive = 150 * time.Millisecond
	for _, test := range []struct {
		name string
		late bool // an upstream's backlog is
	}{{"live", false}, {"while a backlog is awaited", true}} {
		run(test.name, func(t *testing.T) {
			p := newProxy(t, serve(t, "a", &sample.FaasNetes{Store: quietStore()}))
			if test.late {
				p.Upstreams = append(p.Upstreams, serve(t, "late", hangsOnBacklog(&sample.FaasNetes{Store: quietStore()})))
			}
			p.Keepalive, p.BacklogTimeout = keepalive, bounds
			f := p.follow(t, "")
			time.Sleep(8 * keepalive)
			lines := f.all()
			if n := len(lines); n < 5 || n > 10 {
				t.Errorf("%d blank lines in %v, want one each %v", n, 8*keepalive, keepalive)
			}
			for _, l := range lines {
				if !l.blank() {
					t.Errorf("line %q", l.raw)
				}
			}
		})
	}
}

func TestFollowIsNotKeptAliveWhileItIsBusy(t *testing.T) {
	t.Parallel()
	store := quietStore()
	p := newProxy(t, serve(t, "a", &sample.FaasNetes{Store: store}, asFaasNetes))
	p.Keepalive, p.ReorderWindow = 600*time.Millisecond, -1
	f := p.follow(t, "&tail=1")
	f.awaitText("long ago")
	for i := range 60 {
		store.Append("fn", logged("pod", fmt.Sprint(i)))
		time.Sleep(20 * time.Millisecond)
	}
	all := f.all()
	for i, l := range all[1:] {
		if silent := l.at.Sub(all[i].at); l.blank() && silent < p.Keepalive/2 {
			t.Errorf("a blank line after %v", silent)
		}
	}
}

// Each end but the client's own flushes what waits, and is a clean one.
func TestFollowEnds(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	for _, test := range []struct {
		name     string
		stopping bool
		timeout  time.Duration
		late     bool // an upstream is still at its backlog
	}{
		{"by its timeout", false, time.Second, false},
		{"by shutdown", true, 0, false},
		{"by its timeout, within the backlog", false, time.Second, true},
		{"by shutdown, within the backlog", true, 0, true},
	} {
		run(test.name, func(t *testing.T) {
			store := quietStore()
			flaky, up := serveFlaky(t, "a", &sample.FaasNetes{Store: store}, asFaasNetes)
			p := newProxy(t, up)
			if test.late {
				p.Upstreams = append(p.Upstreams, serve(t, "late", hangsOnBacklog(&sample.FaasNetes{})))
			}
			stopping, stop := context.WithCancel(t.Context())
			defer stop()
			p.FollowTimeout, p.Stopping = test.timeout, stopping
			p.ReorderWindow, p.BacklogTimeout = time.Hour, time.Hour
			f := p.follow(t, "&since=2020-01-01T00:00:00Z")
			if !test.late {
				f.awaitText("long ago")
			}
			time.Sleep(200 * time.Millisecond)
			for i := range 100 {
				store.Append("fn", logged("pod", fmt.Sprint(i)))
			}
			time.Sleep(200 * time.Millisecond)
			if test.stopping {
				stop()
			}
			f.end(3 * time.Second)
			if got := f.texts(); len(got) != 101 || got[0] != "long ago" || got[100] != "99" {
				t.Errorf("%d lines, want 101: %.300q", len(got), got)
			}
			report := awaits(t, p.reports, "the report")
			if report.Status != 200 {
				t.Errorf("status %d", report.Status)
			}
			if flaky.under.Load() > 0 {
				time.Sleep(time.Second)
				if n := flaky.under.Load(); n > 0 {
					t.Errorf("%d requests to the upstream are still under way", n)
				}
			}
		})
	}
}

// A client that leaves ends its requests upstream, whatever the follow is at.
func TestFollowClientLeaves(t *testing.T) {
	noLeak(t)
	for _, test := range []struct {
		name string
		late bool
	}{{"live", false}, {"within the backlog", true}} {
		t.Run(test.name, func(t *testing.T) {
			flaky, up := serveFlaky(t, "a", &sample.FaasNetes{Store: quietStore()}, asFaasNetes)
			p := newProxy(t, up, at(t, "away", refusing(t), absentEvery(time.Hour)))
			if test.late {
				p.Upstreams = append(p.Upstreams, serve(t, "late", hangsOnBacklog(&sample.FaasNetes{})))
			}
			f := p.follow(t, "")
			time.Sleep(300 * time.Millisecond)
			if flaky.under.Load() == 0 {
				t.Fatal("the upstream is not followed")
			}
			left := time.Now()
			f.stop()
			awaits(t, p.reports, "the end")
			for flaky.under.Load() > 0 && time.Since(left) < 2*time.Second {
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(left); took > time.Second {
				t.Errorf("the upstream's request ended %v after the client left", took)
			}
		})
	}
}
