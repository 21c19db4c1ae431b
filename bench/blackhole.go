//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

const holeNeighbours = 9

// blackhole asks for little, often, while one of 10 upstreams accepts
// connections and never answers, and of the 9 others alone.
func blackhole(ctx context.Context, s *session) ([]Row, error) {
	if s.standsIn() {
		return nil, errNeedsLogmux
	}
	config := Config{HeaderTimeout: "1s"}
	provided, without, err := s.proxied(ctx, Providers{Upstreams: holeNeighbours, Lines: smallLines, Layout: Ordered}, config)
	if err != nil {
		return nil, err
	}
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer hole.Close() // the kernel accepts, as long as its queue has room
	with, err := s.logmux(ctx, config, append(slices.Clone(provided.URLs), "http://"+hole.Addr().String()))
	if err != nil {
		return nil, err
	}
	with.name = "logmux with a black hole"
	client := newClient(0)
	defer client.CloseIdleConnections()
	first, err := s.untilBreaks(ctx, client, &with, provided.All)
	if err != nil {
		return nil, err
	}
	subjects := []subject{without, with}
	var rounds [2]smallRounds
	for round := range s.Rounds {
		s.progress(fmt.Sprintf("round %d of %d", round+1, s.Rounds))
		if err := smallTurns(ctx, client, s.scaled(smallRound, 200), subjects, rounds[:]); err != nil {
			return nil, err
		}
	}
	return append(blackholeRows(rounds[0], rounds[1]),
		newRow("before the breaker opens", first.Seconds(), noGoal(" s"), "one answer; header_timeout 1 s")), nil
}

// untilBreaks asks until the breaker is open, and returns how long the first
// answer took. Every answer has a line that warns of the black hole.
func (s *session) untilBreaks(ctx context.Context, client *http.Client, of *subject, want Content) (first time.Duration, err error) {
	const attempts = 10
	name := fmt.Sprintf("u%d", holeNeighbours)
	of.want, of.failing = want.Lines+1, name
	for range attempts {
		began := time.Now()
		_, _, err := count(ctx, client, of.url, make([]byte, block))
		failed, ok := errors.AsType[upstreamsFailed](err)
		switch {
		case !ok:
			return 0, fmt.Errorf("%s: no upstream failed, but %w", of.name, of.proc.explain(err))
		case failed == upstreamsFailed(name+"=breaker"):
			s.progress("the breaker is open")
			return first, nil
		}
		first = cmp.Or(first, time.Since(began))
	}
	return 0, fmt.Errorf("%s: the breaker is not open after %d answers", of.name, attempts)
}

func blackholeRows(without, with smallRounds) []Row {
	row := func(measure string, a, b []float64, goal Goal) Row {
		return newRow(measure, ratio(a, b), goal, "%.0f µs; without %.0f µs", median(a)*1e6, median(b)*1e6)
	}
	return []Row{
		row("p50 / without the black hole", with.p50, without.p50, ratioGoal(1.1, 1.1)),
		row("p99 / without the black hole", with.p99, without.p99, noGoal("x")),
		newRow("without / requests/s", ratio(without.rate, with.rate), noGoal("x"),
			"%.0f/s; without %.0f/s, %d clients", median(with.rate), median(without.rate), smallClients),
	}
}
