//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// floorGoals are the bounds of a scenario that is measured against the floor.
// A zero Goal has no row.
type floorGoals struct{ CPU, Wall, RSS Goal }

// againstFloor asks the floor and logmux for all that the providers have.
func againstFloor(spec Providers, config Config, goals floorGoals) func(context.Context, *session) ([]Row, error) {
	return func(ctx context.Context, s *session) ([]Row, error) {
		spec := spec
		spec.Lines = s.scaled(cmp.Or(spec.Lines, fullLines), 10*tailLines)
		provided, logmux, err := s.proxied(ctx, spec, config)
		if err != nil {
			return nil, err
		}
		floor, err := s.floor(ctx, provided.URLs)
		if err != nil {
			return nil, err
		}
		if err := s.warmUp(ctx, &floor, provided.All, true); err != nil {
			return nil, err
		}
		samples, err := interleave(ctx, s.Rounds, s.progress, floor, logmux)
		if err != nil {
			return nil, err
		}
		return floorRows(samples[0], samples[1], provided.All, goals), nil
	}
}

// floorRows compares samples. What is behind a ratio is told for the lines
// that went in, not for those of a tail that came out.
func floorRows(floor, logmux []Sample, in Content, goals floorGoals) []Row {
	rows := []Row{
		newRow("CPU / floor", ratio(each(logmux, Sample.cpu), each(floor, Sample.cpu)), goals.CPU,
			"%.0f ns/line; floor %.0f ns/line", perLine(logmux, in), perLine(floor, in)),
		newRow("wall / floor", ratio(each(logmux, Sample.wall), each(floor, Sample.wall)), goals.Wall,
			"%.0f MB/s; floor %.0f MB/s", rate(logmux, in), rate(floor, in)),
	}
	if goals.RSS != (Goal{}) {
		rows = append(rows, rssRow(logmux, goals.RSS))
	}
	return rows
}

// rssRow reports the highest peak, not a median: it is a bound on memory.
func rssRow(samples []Sample, goal Goal) Row {
	peaks := each(samples, Sample.peak)
	return newRow("RSS", slices.Max(peaks)/1e6, goal, "peak of all rounds; median %.1f MB", median(peaks)/1e6)
}

func perLine(samples []Sample, in Content) float64 {
	return median(each(samples, Sample.cpu)) * 1e9 / float64(in.Lines)
}

func rate(samples []Sample, in Content) float64 {
	return float64(in.Bytes) / 1e6 / median(each(samples, Sample.wall))
}

// againstNaive measures logmux and the naive pipeline on the same, fewer lines.
func againstNaive(ctx context.Context, s *session) ([]Row, error) {
	spec := Providers{Upstreams: 8, Lines: s.scaled(naiveLines, 10*tailLines), Layout: Ordered}
	provided, logmux, err := s.proxied(ctx, spec, Config{Ordered: true})
	if err != nil {
		return nil, err
	}
	naive, err := s.naive(ctx, provided.URLs)
	if err != nil {
		return nil, err
	}
	if err := s.warmUp(ctx, &naive, provided.All, false); err != nil {
		return nil, err
	}
	samples, err := interleave(ctx, s.Rounds, s.progress, naive, logmux)
	if err != nil {
		return nil, err
	}
	slow, fast, in := samples[0], samples[1], provided.All
	return []Row{
		newRow("naive / logmux wall", ratio(each(slow, Sample.wall), each(fast, Sample.wall)), timesGoal(14, 24),
			"%.0f MB/s; naive %.1f MB/s", rate(fast, in), rate(slow, in)),
		newRow("naive / logmux CPU", ratio(each(slow, Sample.cpu), each(fast, Sample.cpu)), timesGoal(15, 24),
			"%.0f ns/line; naive %.0f ns/line", perLine(fast, in), perLine(slow, in)),
	}, nil
}

// againstFour measures logmux in front of k upstreams and of 4, which have the
// same lines between them.
func againstFour(k int, cpu, rss Goal) func(context.Context, *session) ([]Row, error) {
	return func(ctx context.Context, s *session) ([]Row, error) {
		spec := Providers{Upstreams: 4, Lines: s.scaled(fullLines, 10*tailLines), Layout: Ordered}
		in, few, err := s.proxied(ctx, spec, Config{Ordered: true})
		if err != nil {
			return nil, err
		}
		spec.Upstreams = k
		_, many, err := s.proxied(ctx, spec, Config{Ordered: true})
		if err != nil {
			return nil, err
		}
		samples, err := interleave(ctx, s.Rounds, s.progress, few, many)
		if err != nil {
			return nil, err
		}
		rows := []Row{newRow("CPU per line / k=4", ratio(each(samples[1], Sample.cpu), each(samples[0], Sample.cpu)), cpu,
			"%.0f ns/line; k=4 %.0f ns/line", perLine(samples[1], in.All), perLine(samples[0], in.All))}
		if rss != (Goal{}) {
			rows = append(rows, rssRow(samples[1], rss))
		}
		return rows, nil
	}
}

// proxied starts providers and logmux in front of them, and checks one answer
// in full.
func (s *session) proxied(ctx context.Context, spec Providers, config Config) (Provided, subject, error) {
	provided, err := s.providers(ctx, spec)
	if err != nil {
		return provided, subject{}, err
	}
	logmux, err := s.logmux(ctx, config, provided.URLs)
	if err != nil {
		return provided, subject{}, err
	}
	want := provided.All
	if spec.Tail > 0 {
		logmux.url += fmt.Sprintf("&tail=%d", spec.Tail)
		if !s.standsIn() {
			want = provided.Tail
		}
	}
	return provided, logmux, s.warmUp(ctx, &logmux, want, s.standsIn())
}

// warmUp checks every line of one answer, and from then on the number of lines
// in each.
func (s *session) warmUp(ctx context.Context, of *subject, want Content, anyOrder bool) error {
	s.progress("check an answer of " + of.name)
	client := newClient(4 * block)
	defer client.CloseIdleConnections()
	began := time.Now()
	if err := verify(ctx, client, of.url, want, anyOrder); err != nil {
		return fmt.Errorf("%s: %w", of.name, of.proc.explain(err))
	}
	of.want = want.Lines
	s.progress(fmt.Sprintf("%d lines are right, %v", want.Lines, time.Since(began).Round(time.Millisecond)))
	return nil
}
