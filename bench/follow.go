//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	tickEvery   = 5 * time.Millisecond
	tickRound   = 1000 // lines of each way in a round
	floodRound  = 400_000
	followQuery = "&follow=true"
)

// followLatency compares when a line arrives with the time it carries, once
// straight from the provider and once through logmux.
func followLatency(ctx context.Context, s *session) ([]Row, error) {
	provided, err := s.providers(ctx, Providers{Upstreams: 4, Live: Live{Kind: "tick", Interval: tickEvery}})
	if err != nil {
		return nil, err
	}
	logmux, err := s.logmux(ctx, Config{Window: "0"}, provided.URLs)
	if err != nil {
		return nil, err
	}
	direct := provided.URLs[0] + query + followQuery
	var straight, proxied, added []float64
	for round := range s.Rounds {
		s.progress(fmt.Sprintf("round %d of %d", round+1, s.Rounds))
		lines := s.scaled(tickRound, 100)
		without, err := latencies(ctx, direct, lines)
		if err != nil {
			return nil, err
		}
		with, err := latencies(ctx, logmux.url+followQuery, lines)
		if err != nil {
			return nil, logmux.proc.explain(err)
		}
		straight = append(straight, quantile(without, 0.99))
		proxied = append(proxied, quantile(with, 0.99))
		added = append(added, proxied[round]-straight[round])
	}
	return []Row{newRow("added latency p99", median(added)*1e3, Goal{Must: 3, Aim: 0.3, Unit: " ms"},
		"%.3f ms; direct %.3f ms", median(proxied)*1e3, median(straight)*1e3)}, nil
}

// latencies follows for n lines and returns the seconds each took.
func latencies(ctx context.Context, url string, n int) ([]float64, error) {
	const settling = 20 // lines that connect the connections
	took := make([]float64, 0, n+settling)
	err := follow(ctx, url, func(line []byte) (bool, error) {
		now := time.Now()
		at, err := lineTime(line)
		took = append(took, now.Sub(at).Seconds())
		return len(took) < n+settling, err
	})
	if err != nil {
		return nil, err
	}
	return took[settling:], nil
}

// followFlood sends one follower as much as it takes, through logmux and the
// naive pipeline in turn.
func followFlood(ctx context.Context, s *session) ([]Row, error) {
	lines := s.scaled(floodRound, 4000) / 4
	provided, err := s.providers(ctx, Providers{Upstreams: 4, Live: Live{Kind: "flood", Lines: lines}})
	if err != nil {
		return nil, err
	}
	logmux, err := s.logmux(ctx, Config{Window: "0"}, provided.URLs)
	if err != nil {
		return nil, err
	}
	naive, err := s.naive(ctx, provided.URLs)
	if err != nil {
		return nil, err
	}
	subjects := [2]subject{naive, logmux}
	var samples [2][]Sample
	for round := range s.Rounds {
		s.progress(fmt.Sprintf("round %d of %d", round+1, s.Rounds))
		for _, i := range turns(round, len(subjects)) {
			subject := subjects[i]
			sample, err := subject.flood(ctx, 4*lines)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", subject.name, subject.proc.explain(err))
			}
			samples[i] = append(samples[i], sample)
		}
	}
	return floodRows(samples[0], samples[1], float64(4*lines)), nil
}

func floodRows(naive, logmux []Sample, lines float64) []Row {
	perSecond := func(of []Sample) float64 { return lines / median(each(of, Sample.wall)) }
	perLine := func(of []Sample) float64 { return median(each(of, Sample.cpu)) * 1e9 / lines }
	goal := timesGoal(9, 14)
	return []Row{
		newRow("lines/s / naive", ratio(each(naive, Sample.wall), each(logmux, Sample.wall)), goal,
			"%.0f lines/s; naive %.0f lines/s", perSecond(logmux), perSecond(naive)),
		newRow("naive / CPU per line", ratio(each(naive, Sample.cpu), each(logmux, Sample.cpu)), goal,
			"%.0f ns/line; naive %.0f ns/line", perLine(logmux), perLine(naive)),
	}
}

// flood times a follow from its request to the last of so many lines.
func (s subject) flood(ctx context.Context, lines int) (Sample, error) {
	before, err := cpuTime(s.proc.pid())
	if err != nil {
		return Sample{}, err
	}
	began := time.Now()
	var got int64
	err = follow(ctx, s.url+followQuery, func(line []byte) (bool, error) {
		got++
		return got < int64(lines), nil
	})
	if err != nil {
		return Sample{}, fmt.Errorf("after %d of %d lines: %w", got, lines, err)
	}
	wall := time.Since(began)
	after, err := cpuTime(s.proc.pid())
	return Sample{Wall: wall, Cost: Cost{CPU: after - before}, Lines: got}, err
}

// follow hands over the lines of a follow, but for blank ones, until take
// wants no more. A follow that says nothing for followPatience fails.
func follow(ctx context.Context, url string, take func(line []byte) (more bool, err error)) error {
	const followPatience = 20 * time.Second
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := time.AfterFunc(followPatience, cancel)
	defer patience.Stop()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	response, err := ask(ctx, client, url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 4*block), 4*block)
	for taken := 0; lines.Scan(); {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if taken++; taken%1000 == 1 {
			patience.Reset(followPatience)
		}
		if more, err := take(lines.Bytes()); err != nil || !more {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: read follow: %w", url, err)
	}
	return fmt.Errorf("%s: the follow ended early", url)
}
