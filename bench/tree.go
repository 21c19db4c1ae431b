//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// treeFanOut is how many instances stand between a tree's outer one and the
// upstreams, which they share evenly.
const treeFanOut = 8

var treeSizes = []int{16, 64, 256}

// againstTree measures one instance in front of k upstreams, and a tree of
// 1 + treeFanOut instances in front of the same ones, for several k.
func againstTree(spec Providers, config Config) func(context.Context, *session) ([]Row, error) {
	return func(ctx context.Context, s *session) ([]Row, error) {
		if s.standsIn() {
			return nil, errNeedsLogmux
		}
		var rows []Row
		for _, k := range treeSizes {
			spec := spec
			spec.Upstreams = k
			spec.Lines = s.scaled(cmp.Or(spec.Lines, fullLines), smallLines)
			samples, err := s.againstTree(ctx, spec, config)
			s.close()
			if err != nil {
				return rows, err
			}
			rows = append(rows, treeRows(k, samples[0], samples[1])...)
		}
		return rows, nil
	}
}

func (s *session) againstTree(ctx context.Context, spec Providers, config Config) ([][]Sample, error) {
	provided, one, err := s.proxied(ctx, spec, config)
	if err != nil {
		return nil, err
	}
	tree, err := s.tree(ctx, config, provided.URLs)
	if err != nil {
		return nil, err
	}
	_, asked, _ := strings.Cut(one.url, query)
	tree.url += asked
	want := provided.All
	if spec.Tail > 0 {
		want = provided.Tail
	}
	if err := s.warmUp(ctx, &tree, want, false); err != nil {
		return nil, err
	}
	return interleave(ctx, s.Rounds, s.progress, one, tree)
}

// tree starts treeFanOut instances, each in front of its share of the
// upstreams, and one in front of these.
func (s *session) tree(ctx context.Context, config Config, urls []string) (subject, error) {
	var inner []*process
	var bases []string
	for part := range treeFanOut {
		share := urls[part*len(urls)/treeFanOut : (part+1)*len(urls)/treeFanOut]
		instance, err := s.logmux(ctx, config, share)
		if err != nil {
			return subject{}, err
		}
		inner = append(inner, instance.proc)
		bases = append(bases, strings.TrimSuffix(instance.url, query))
	}
	outer, err := s.logmux(ctx, Config{Kind: "logmux"}, bases)
	outer.name, outer.behind = "tree", inner
	return outer, err
}

// treeRows compares a tree with one instance. The CPU of its instances is told
// apart, too: on machines of their own the busiest sets the pace.
func treeRows(k int, one, tree []Sample) []Row {
	row := func(measure string, ofTree, ofOne func(Sample) float64, scale float64, unit string) Row {
		a, b := each(tree, ofTree), each(one, ofOne)
		return newRow(fmt.Sprintf("k=%d: %s / one's", k, measure), ratio(a, b), noGoal("x"),
			"%.3g %s; one instance %.3g %s", median(a)*scale, unit, median(b)*scale, unit)
	}
	return []Row{
		row("wall", Sample.wall, Sample.wall, 1e3, "ms"),
		row("CPU of all", Sample.cpuOfAll, Sample.cpu, 1e3, "ms"),
		row("CPU of the outer", Sample.cpu, Sample.cpu, 1e3, "ms"),
		row("CPU of an inner", Sample.cpuBehind, Sample.cpu, 1e3, "ms"),
		row("RSS of the largest", Sample.largest, Sample.peak, 1e-6, "MB"),
		row("RSS of all", Sample.peakOfAll, Sample.peak, 1e-6, "MB"),
	}
}

func (s Sample) costs() []Cost { return append(slices.Clone(s.Behind), s.Cost) }

func (s Sample) cpuOfAll() (sum float64) {
	for _, c := range s.costs() {
		sum += c.CPU.Seconds()
	}
	return sum
}

// cpuBehind is the mean of the instances behind.
func (s Sample) cpuBehind() float64 { return (s.cpuOfAll() - s.cpu()) / float64(len(s.Behind)) }

func (s Sample) peakOfAll() (sum float64) {
	for _, c := range s.costs() {
		sum += float64(c.Peak)
	}
	return sum
}

func (s Sample) largest() float64 {
	return float64(slices.MaxFunc(s.costs(), func(a, b Cost) int { return cmp.Compare(a.Peak, b.Peak) }).Peak)
}
