//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A Scenario measures one line of PERFORMANCE.md's goals, or how logmux scales.
type Scenario struct {
	Name   string
	About  string
	Follow bool // not in the default set
	Scale  bool // only by its name, and in all
	Run    func(context.Context, *session) ([]Row, error)
}

// The data of a scenario at scale 1.
const (
	fullLines  = 1_300_000 // 448 MB
	naiveLines = fullLines / 8
	tailInput  = 2_000_000
	tailLines  = 1000
)

func noGoal(unit string) Goal          { return Goal{Unit: unit} }
func ratioGoal(must, aim float64) Goal { return Goal{Must: must, Aim: aim, Unit: "x"} }
func timesGoal(must, aim float64) Goal { return Goal{Must: must, Aim: aim, Unit: "x", AtLeast: true} }
func megabytes(must, aim float64) Goal { return Goal{Must: must, Aim: aim, Unit: " MB"} }
func kilobytes(must, aim float64) Goal { return Goal{Must: must, Aim: aim, Unit: " KB"} }

func scenarios() []Scenario {
	orderedGoals := floorGoals{CPU: ratioGoal(2.5, 1.9), Wall: ratioGoal(1.5, 1.1), RSS: megabytes(32, 16)}
	inMemory := Config{QueryMemory: "1GiB"}
	inMemoryGoals := floorGoals{CPU: ratioGoal(3.2, 2.1), Wall: ratioGoal(2.2, 1.3)}
	return []Scenario{
		{Name: "ordered-k4", About: "4 sorted upstreams against the floor",
			Run: againstFloor(Providers{Upstreams: 4, Layout: Ordered}, Config{Ordered: true}, orderedGoals)},
		{Name: "ordered-k8", About: "8 sorted upstreams against the floor",
			Run: againstFloor(Providers{Upstreams: 8, Layout: Ordered}, Config{Ordered: true}, orderedGoals)},
		{Name: "ordered-chunked-k8", About: "the same, every line an HTTP chunk of its own",
			Run: againstFloor(Providers{Upstreams: 8, Layout: Ordered, LineChunks: true}, Config{Ordered: true},
				floorGoals{CPU: ratioGoal(1.9, 1.4), Wall: ratioGoal(1.4, 0.9)})},
		{Name: "naive-k8", About: "8 sorted upstreams against the naive pipeline", Run: againstNaive},
		{Name: "unsorted-k8", About: "8 shuffled upstreams, sorted in memory",
			Run: againstFloor(Providers{Upstreams: 8, Layout: Shuffled}, inMemory, inMemoryGoals)},
		{Name: "unsorted-pods-k8", About: "8 upstreams that send 3 pods in turn, sorted in memory",
			Run: againstFloor(Providers{Upstreams: 8, Layout: Pods}, inMemory, inMemoryGoals)},
		{Name: "unsorted-window-k8", About: "8 upstreams shuffled within 1,000 lines, sorted in memory",
			Run: againstFloor(Providers{Upstreams: 8, Layout: Window}, inMemory, inMemoryGoals)},
		{Name: "unsorted-spill-k8", About: "8 shuffled upstreams, spilling past 64 MiB",
			Run: againstFloor(Providers{Upstreams: 8, Layout: Shuffled}, Config{QueryMemory: "64MiB"},
				floorGoals{CPU: ratioGoal(5, 2.8), Wall: ratioGoal(3.5, 1.8), RSS: megabytes(128, 96)})},
		{Name: "tail1000-k8", About: "the newest 1,000 of 2,000,000 lines of 8 upstreams",
			Run: againstFloor(Providers{Upstreams: 8, Lines: tailInput, Layout: Ordered, Tail: tailLines},
				Config{TailMode: "all"},
				floorGoals{CPU: ratioGoal(2.2, 1.5), Wall: ratioGoal(1.3, 0.8), RSS: megabytes(40, 24)})},
		{Name: "k64", About: "CPU per line of 64 sorted upstreams against 4",
			Run: againstFour(64, ratioGoal(1.6, 1.2), Goal{})},
		{Name: "k256", About: "CPU per line of 256 sorted upstreams against 4",
			Run: againstFour(256, ratioGoal(1.9, 1.4), megabytes(96, 56))},
		{Name: "small", About: "100 lines of 4 upstreams: latency and rate against the floor", Run: small},
		{Name: "startup", About: "start to ready, idle memory, size of the binary", Run: startup},
		{Name: "follow-latency", Follow: true, About: "what a live line takes longer than without a proxy", Run: followLatency},
		{Name: "follow-flood", Follow: true, About: "a flood to one follower against the naive pipeline", Run: followFlood},
		{Name: "followers-idle", Follow: true, About: "memory and CPU of 1,000 silent followers", Run: followersIdle},
		{Name: "blackhole", Scale: true, About: "100 lines of 9 upstreams while a tenth never answers", Run: blackhole},
		{Name: "replicas", Scale: true, About: "three instances behind a balancer, against one", Run: replicas},
		{Name: "tree-ordered", Scale: true, About: "1 + 8 instances against one: sorted upstreams, all lines",
			Run: againstTree(Providers{Layout: Ordered}, Config{Ordered: true})},
		{Name: "tree-tail1000", Scale: true, About: "the same: shuffled upstreams, the newest 1,000 of 2,000,000 lines",
			Run: againstTree(Providers{Lines: tailInput, Layout: Shuffled, Tail: tailLines}, Config{TailMode: "all"})},
		{Name: "tree-small", Scale: true, About: "the same: 100 lines",
			Run: againstTree(Providers{Lines: smallLines, Layout: Ordered}, Config{})},
		{Name: "followers-wide", Scale: true, About: "memory and descriptors of a silent follower, by its upstreams", Run: followersWide},
	}
}

// choose returns the scenarios of these names; none is the default set.
func choose(names []string, follow bool) ([]Scenario, error) {
	all := scenarios()
	for _, name := range names {
		known := func(s Scenario) bool { return s.Name == name }
		if name != "all" && !slices.ContainsFunc(all, known) {
			return nil, usageError(fmt.Sprintf("no scenario %q; -list lists them", name))
		}
	}
	everything := slices.Contains(names, "all")
	return slices.DeleteFunc(all, func(s Scenario) bool {
		switch {
		case everything:
			return false
		case len(names) > 0:
			return !slices.Contains(names, s.Name) && !(follow && s.Follow)
		}
		return s.Scale || s.Follow && !follow
	}), nil
}

func list(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range scenarios() {
		kind := "default"
		switch {
		case s.Follow:
			kind = "-follow"
		case s.Scale:
			kind = "by name"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, kind, s.About)
	}
	return t.Flush()
}
