package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// replicated is an hour of three pods' logs, half of it in the last five minutes, which faas-netes has, while
// openfaas-loki has it all. Some lines happened twice or three times, and some only differ in their pod.
func replicated(base time.Time) []sample.Line {
	var lines []sample.Line
	add := func(oldest, newest time.Duration, n int) {
		for i := range n {
			l := sample.Line{
				Instance: fmt.Sprintf("pod-%d", i%3),
				Time:     base.Add(-oldest + (oldest-newest)/time.Duration(n)*time.Duration(i/3)*3),
				Text:     fmt.Sprintf("line %d <of> %v \"quoted\" é \\", i/3, oldest),
			}
			lines = append(lines, slices.Repeat([]sample.Line{l}, 1+i%9/7+i%45/44)...)
		}
	}
	add(50*time.Minute, 6*time.Minute, 600)
	add(4*time.Minute, 5*time.Second, 600)
	return lines
}

const groupOfTwo = `
defaults: {retry: {max: 0}}
upstreams:
  - {name: live, url: $netes, kind: faas-netes, replica_group: eu, required: true}
  - {name: archive, url: $loki, kind: openfaas-loki, replica_group: eu, required: true}
`

// startGroup starts logmux in front of both; who is down has no URL.
func startGroup(t *testing.T, config string, lines []sample.Line, isDown ...string) *daemon {
	t.Helper()
	store := &sample.Store{}
	store.Append("fn", lines...)
	to := hosts{
		"netes": serve(t, buffered(&sample.FaasNetes{Store: store, Interleave: true})),
		"loki":  serve(t, buffered(&sample.Loki{Store: store, Interleave: true, Seed: 5})),
	}
	for _, name := range isDown {
		to[name] = down(t)
	}
	return start(t, config, to)
}

// plain is a line without what its copies may differ in: the newline at the end of faas-netes' text.
func plain(line string) string {
	return strings.Replace(line, `\n"}`, `"}`, 1)
}

// unmarked returns the answer with its lines as openfaas-loki would send them.
func (a answer) unmarked() answer {
	lines := make([]string, len(a.lines))
	for i, line := range a.lines {
		lines[i] = plain(line)
	}
	a.lines = lines
	return a
}

func TestReplicaGroup(t *testing.T) {
	lines := replicated(time.Now())
	logmux := startGroup(t, groupOfTwo, lines)
	all := wires("fn", lines)
	for _, r := range []request{
		{},
		{since: time.Now().Add(-30 * time.Minute)},
		{since: time.Now().Add(-2 * time.Minute)},
		{tail: 1}, {tail: 2}, {tail: 10}, {tail: 500}, {tail: 1000}, {tail: 5000}, {tail: 6000},
		{since: time.Now().Add(-30 * time.Minute), tail: 50},
	} {
		r.name = "fn"
		t.Run(r.String(), func(t *testing.T) {
			want := slices.DeleteFunc(slices.Clone(all), func(line string) bool { return timestampOf(t, line).Before(r.since) })
			logmux.of(t).logs(r).ok().silent().says("Ok", "live,archive").unmarked().checkNewest(want, r.tail)
		})
	}
	t.Run("instance", func(t *testing.T) {
		want := slices.DeleteFunc(slices.Clone(all), func(line string) bool { return decode(t, line).Instance != "pod-1" })
		for _, tail := range []int{0, 5, 300} {
			logmux.of(t).logs(request{name: "fn", instance: "pod-1", tail: tail}).ok().silent().unmarked().checkNewest(want, tail)
		}
	})
}

// TestReplicaGroupBesideOthers has an upstream with equal lines that is of no group: they are its own.
func TestReplicaGroupBesideOthers(t *testing.T) {
	lines := replicated(time.Now())
	lines = lines[len(lines)-300:]
	config := groupOfTwo + "  - {name: other, url: $netes, kind: faas-netes}\n  - {name: us, url: $loki, kind: openfaas-loki, replica_group: us}\n"
	logmux := startGroup(t, config, lines)
	want := slices.Concat(wires("fn", lines), wires("fn", lines), wires("fn", lines))
	for _, tail := range []int{0, 7, 450, 899} {
		logmux.logs(request{name: "fn", tail: tail}).ok().silent().says("Ok", "live,archive,other,us").unmarked().checkNewest(want, tail)
	}
}

func TestReplicaGroupMemberDown(t *testing.T) {
	lines := replicated(time.Now())
	for _, tt := range []struct{ down, failed, ok string }{
		{"netes", "live=dial", "archive"},
		{"loki", "archive=dial", "live"},
	} {
		t.Run(tt.down, func(t *testing.T) {
			logmux := startGroup(t, groupOfTwo, lines, tt.down)
			for _, tail := range []int{10, 100} {
				logmux.logs(request{name: "fn", tail: tail}).ok().silent().says("Ok", tt.ok).says("Failed", tt.failed).
					unmarked().checkNewest(wires("fn", lines), tail)
			}
			logmux.logs(request{name: "fn"}).ok().silent().says("Failed", tt.failed)
		})
	}
}

// TestReplicaGroupMemberBreaks has a member that fails in the middle of its answer: the other one has it all.
func TestReplicaGroupMemberBreaks(t *testing.T) {
	lines := replicated(time.Now())
	store := &sample.Store{}
	store.Append("fn", lines...)
	broken := &sample.Faults{Handler: &sample.FaasNetes{Store: store}}
	broken.Set(sample.CutAfter(200))
	logmux := start(t, groupOfTwo, hosts{
		"netes": serve(t, broken),
		"loki":  serve(t, buffered(&sample.Loki{Store: store})),
	})
	got := logmux.logs(request{name: "fn"}).ok().silent().says("Ok", "archive").says("Failed", "live=truncated").unmarked()
	// The cut line comes as the text of another: it is not lost.
	got.lines = slices.DeleteFunc(got.lines, func(line string) bool { return decode(t, line).Instance == "live" })
	got.checkNewest(wires("fn", lines), 0)
}

func TestReplicaGroupDown(t *testing.T) {
	lines := replicated(time.Now())
	required := startGroup(t, groupOfTwo, lines, "netes", "loki").logs(request{name: "fn"}).says("Failed", "live=dial,archive=dial")
	if required.status != http.StatusBadGateway {
		t.Errorf("required: status %d, want 502", required.status)
	}
	config := strings.ReplaceAll(groupOfTwo, ", required: true", "")
	alone := startGroup(t, config, lines, "netes", "loki").logs(request{name: "fn"})
	if alone.status != http.StatusBadGateway {
		t.Errorf("status %d, want 502", alone.status)
	}
	line := message{"fn", "", "p", time.Now().UTC(), "x"}.wire()
	other := fmt.Sprintf("  - {name: other, url: %q}\n", serve(t, answers(line)))
	startGroup(t, config+other, lines, "netes", "loki").logs(request{name: "fn"}).ok().
		says("Ok", "other").says("Failed", "live=dial,archive=dial").
		warns([]string{"live", "dial"}, []string{"archive", "dial"}).has([]string{line})
}
