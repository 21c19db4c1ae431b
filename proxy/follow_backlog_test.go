package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

func TestFollowBacklog(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	begin := time.Now().Add(-2 * time.Minute).Truncate(time.Second)
	for _, test := range []struct {
		name, query string
		newest      int // 0: all
		from        int // index of the first line
	}{
		{"unlimited", "", 0, 0},
		{"tail=-1", "&tail=-1", 0, 0},
		{"the newest one", "&tail=1", 1, 0},
		{"the newest 10", "&tail=10", 10, 0},
		{"the newest 400", "&tail=400", 400, 0},
		{"more than there are", "&tail=5000", 0, 0},
		{"since", "&since=" + begin.Add(30*time.Second).UTC().Format(time.RFC3339), 0, 300},
		{"since a fraction", "&since=" + begin.Add(30*time.Second+50*time.Millisecond).UTC().Format(time.RFC3339Nano), 0, 301},
		{"since, with a tail", "&tail=20&since=" + begin.Add(30*time.Second).UTC().Format(time.RFC3339), 20, 300},
		{"since, with fewer than the tail", "&tail=200&since=" + begin.Add(50*time.Second).UTC().Format(time.RFC3339), 0, 500},
	} {
		run(test.name, func(t *testing.T) {
			var stores []*sample.Store
			p := newProxy(t)
			for i, kind := range followKinds {
				store := new(sample.Store)
				stores = append(stores, store)
				p.Upstreams = append(p.Upstreams, serve(t, fmt.Sprint("u", i), kind.provider(store), kind.options))
			}
			var want []string
			for i := range 600 { // a line each 100 ms
				text := fmt.Sprint("line ", i)
				stores[i%len(stores)].Append("fn", sample.Line{
					Instance: fmt.Sprint("i", i%5),
					Time:     begin.Add(time.Duration(i) * 100 * time.Millisecond),
					Text:     text,
				})
				want = append(want, text)
			}
			want = want[test.from:]
			if test.newest > 0 {
				want = want[len(want)-test.newest:]
			}
			f := p.follow(t, test.query)
			f.await(bounds, "backlog", func() bool { return len(f.logs()) >= len(want) })
			for i, store := range stores {
				store.Append("fn", logged("live", fmt.Sprint("live ", i)))
			}
			f.await(bounds, "live lines", func() bool { return len(f.logs()) >= len(want)+len(stores) })
			f.quiet(300 * time.Millisecond)
			got := f.texts()
			if !slices.Equal(got[:len(want)], want) {
				t.Errorf("got  %.500q\nwant %.500q", got, want)
			}
			if live := got[len(want):]; len(live) != len(stores) {
				t.Errorf("%d live lines, want %d: %.500q", len(live), len(stores), live)
			}
			if got := f.warnings(); len(got) > 0 {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

// hangsOnBacklog never answers for the backlog.
func hangsOnBacklog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("follow") != "true" {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
}

// An upstream that is late with its backlog joins live, and the warning names it.
// Live lines of another that come meanwhile come after the backlog, all of them.
func TestFollowBacklogOfOneIsLate(t *testing.T) {
	t.Parallel()
	run, wait := together(t)
	defer wait()
	const backlogTimeout = 1500 * time.Millisecond
	for _, test := range []struct {
		name  string
		lines int // live, while the backlog is gathered
		text  string
	}{
		{"few lines meanwhile", 100, "x"},
		{"more than is held", 8_000, strings.Repeat("x", 2_000)},
	} {
		run(test.name, func(t *testing.T) {
			prompt, late := new(sample.Store), new(sample.Store)
			prompt.Append("fn", logged("pod", "backlog 1"), logged("pod", "backlog 2"))
			p := newProxy(t,
				serve(t, "prompt", &sample.FaasNetes{Store: prompt}, asFaasNetes),
				serve(t, "late", hangsOnBacklog(&sample.FaasNetes{Store: late}), asFaasNetes))
			p.BacklogTimeout = backlogTimeout
			p.ReorderWindow = 100 * time.Millisecond
			late.Append("fn", logged("pod", "of the late one"))
			start := time.Now()
			f := p.follow(t, "")
			time.Sleep(100 * time.Millisecond)
			want := []string{"backlog 1", "backlog 2"}
			for i := range test.lines {
				text := fmt.Sprint("live ", i, test.text)
				prompt.Append("fn", logged("pod", text))
				want = append(want, text)
			}
			f.await(bounds, "backlog", func() bool { return len(f.logs()) > 0 })
			if took := time.Since(start); took < backlogTimeout || took > backlogTimeout+2*time.Second {
				t.Errorf("the backlog came after %v", took)
			}
			f.await(2*bounds, "all", func() bool { return len(f.logs()) >= len(want)+1 })
			late.Append("fn", logged("pod", "of the late one, live"))
			f.awaitText("of the late one, live")
			f.quiet(300 * time.Millisecond)
			var got []string
			for _, text := range f.texts() {
				if !strings.HasPrefix(text, "of the late one") {
					got = append(got, text)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %d lines, want %d: %.300q", len(got), len(want), got)
			}
			if got := f.warnings(); len(got) != 1 || !strings.Contains(got[0], "late failed: timeout") {
				t.Errorf("warnings %q, want one of the late upstream", got)
			}
		})
	}
}
