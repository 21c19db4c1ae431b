package e2e_test

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

// innermost are four providers whose lines share their instants: only the places in the configs tell their order.
func innermost(t *testing.T) (bodies [][]string) {
	t.Helper()
	base := time.Now().Add(-time.Minute)
	for place := range 4 {
		var body []string
		for i := range 50 {
			at := base.Add(time.Duration(i/5) * time.Second)
			line := message{"fn", "", fmt.Sprintf("pod-%d", i%2), at.UTC(), fmt.Sprintf("%d <%d>\n", place, i)}.wire()
			body = append(body, line[:len(line)-2]+`,"extra":1.50e+01}`+"\n") // a field that nobody knows
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// merged are the lines of all bodies in order: five of each body are of one instant.
func merged(bodies ...[]string) (lines []string) {
	for i := 0; i < len(bodies[0]); i += 5 {
		for _, body := range bodies {
			lines = append(lines, body[i:i+5]...)
		}
	}
	return lines
}

// startTree starts a logmux in front of two, each in front of two providers; outer is more of the first one's config.
func startTree(t *testing.T, outer string, providers ...string) *daemon {
	t.Helper()
	const inner = "defaults: {retry: {max: 0}}\nupstreams: [{name: $first, url: $a}, {name: $second, url: $b}]"
	west := start(t, inner, hosts{"first": "paris", "a": providers[0], "second": "dublin", "b": providers[1]})
	east := start(t, inner, hosts{"first": "tokyo", "a": providers[2], "second": "seoul", "b": providers[3]})
	return start(t, outer+"\nupstreams: [{name: west, kind: logmux, url: $west}, {name: east, kind: logmux, url: $east}]",
		hosts{"west": west.url, "east": east.url})
}

func TestChain(t *testing.T) {
	bodies := innermost(t)
	var urls []string
	for _, body := range bodies {
		urls = append(urls, serve(t, answers(body...)))
	}
	logmux := startTree(t, "", urls...)
	all := merged(bodies...)
	for _, tail := range []int{0, 1, 7, 20, 199} {
		want := all
		if tail > 0 {
			want = all[len(all)-tail:]
		}
		logmux.logs(request{name: "fn", tail: tail}).ok().silent().says("Ok", "west,east").has(want)
	}
	want := slices.DeleteFunc(slices.Clone(all), func(line string) bool { return decode(t, line).Instance != "pod-1" })
	logmux.logs(request{name: "fn", instance: "pod-1"}).ok().silent().has(want)
	logmux.logs(request{name: "fn", instance: "pod-1", tail: 11}).ok().silent().has(want[len(want)-11:])
	since := decode(t, all[61]).Timestamp
	want = slices.DeleteFunc(slices.Clone(all), func(line string) bool { return decode(t, line).Timestamp.Before(since) })
	logmux.logs(request{name: "fn", since: since}).ok().silent().has(want)
}

// TestChainInnermostDown must tell of it once, not at all where it is not wanted, and never as a log line.
func TestChainInnermostDown(t *testing.T) {
	bodies := innermost(t)
	urls := []string{serve(t, answers(bodies[0]...)), down(t), serve(t, answers(bodies[2]...)), serve(t, answers(bodies[3]...))}
	logmux := startTree(t, "", urls...)
	all := merged(bodies[0], bodies[2], bodies[3])
	for _, r := range []request{
		{}, {tail: 1}, {tail: 9}, {instance: "pod-0"}, {since: time.Now().Add(-time.Hour)}, {since: time.Now().Add(time.Hour)},
	} {
		r.name = "fn"
		t.Run(r.String(), func(t *testing.T) {
			want := slices.DeleteFunc(slices.Clone(all), func(line string) bool {
				m := decode(t, line)
				return m.Timestamp.Before(r.since) || r.instance != "" && m.Instance != r.instance
			})
			if r.tail > 0 {
				want = want[len(want)-r.tail:]
			}
			logmux.of(t).logs(r).ok().says("Ok", "west,east").warns([]string{"dublin", "dial"}).has(want)
		})
	}
	logmux.ask("name=fn&warnings=off").ok().silent().has(all)
	startTree(t, "query: {warnings: off}", urls...).ask("name=fn").ok().silent().has(all)
}

// TestChainBranchDown has both providers of one branch down, so that the branch itself answers 502.
func TestChainBranchDown(t *testing.T) {
	bodies := innermost(t)
	logmux := startTree(t, "defaults: {retry: {max: 0}}",
		serve(t, answers(bodies[0]...)), serve(t, answers(bodies[1]...)), down(t), down(t))
	logmux.logs(request{name: "fn"}).ok().says("Ok", "west").says("Failed", "east=status-502").
		warns([]string{"east", "status-502"}).has(merged(bodies[0], bodies[1]))
}

// TestChainInnerDies has an inner logmux killed in the middle of its answer: what came is there, and it is said.
func TestChainInnerDies(t *testing.T) {
	f := newFlood(1, 40<<20)
	west := f.serve(t, "query: {}")
	logmux := start(t, "upstreams: [{name: west, kind: logmux, url: $west, retry: {max: 0}}]", hosts{"west": west.url})
	resp := logmux.open("name=fn")
	defer resp.Body.Close()
	some := make([]byte, 1<<20)
	if _, err := io.ReadFull(resp.Body, some); err != nil {
		t.Fatal(err)
	}
	west.kill()
	rest, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{t: t, status: resp.StatusCode, header: resp.Trailer, body: string(some) + string(rest)}
	got.split()
	got.says("Failed", "west=truncated").warns([]string{"west", "truncated", "incomplete"})
	// The last line may be one that was cut, as the text of another.
	whole := got.lines[:len(got.lines)-1]
	if len(whole) >= len(f.sorted)-1 {
		t.Fatal("all came before the end, so this shows nothing")
	}
	for i, line := range whole {
		if line != string(f.sorted[i].line) {
			t.Fatalf("line %d:\n got %.150s\nwant %.150s", i, line, f.sorted[i].line)
		}
	}
}

// TestChainLabels puts a prefix on at each level: a request with both finds its way, and takes both off.
func TestChainLabels(t *testing.T) {
	at := time.Now().Add(-time.Minute).UTC()
	line := func(instance, text string) string { return message{"fn", "", instance, at, text}.wire() }
	inner := start(t, `
upstreams:
  - {name: a, url: $a, labels: {instance_prefix: a/}}
  - {name: b, url: $b, labels: {instance_prefix: b/}}
`, hosts{"a": serve(t, answers(line("pod", "a"))), "b": serve(t, answers(line("pod", "b")))})
	outer := start(t, "upstreams: [{name: eu, kind: logmux, url: $inner, labels: {instance_prefix: eu/}}]", hosts{"inner": inner.url})
	outer.ask("name=fn").ok().silent().has([]string{line("eu/a/pod", "a"), line("eu/b/pod", "b")})
	outer.ask("name=fn&instance=eu/b/pod").ok().silent().has([]string{line("eu/b/pod", "b")})
	outer.ask("name=fn&instance=eu/b/pod&tail=3").ok().silent().has([]string{line("eu/b/pod", "b")})
}

// TestChainMissingFunction is missing all the way down.
func TestChainMissingFunction(t *testing.T) {
	inner := start(t, "upstreams: [{name: a, url: $a}]", hosts{"a": serve(t, netesHabit.handler(nil))})
	outer := start(t, "upstreams: [{name: inner, kind: logmux, url: $inner, required: true}]", hosts{"inner": inner.url})
	outer.ask("name=nobody").says("Absent", "inner").absent("nobody")
}
