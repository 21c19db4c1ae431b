//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	smallLines   = 100
	smallBatch   = 50   // requests to one proxy before the next one's turn
	smallRound   = 1000 // requests to each proxy, one after another
	smallClients = 8
)

// small asks for little, often: first one request at a time, for the latency,
// then several clients at once, for the rate.
func small(ctx context.Context, s *session) ([]Row, error) {
	spec := Providers{Upstreams: 4, Lines: smallLines, Layout: Ordered}
	provided, logmux, err := s.proxied(ctx, spec, Config{})
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
	client := newClient(0)
	defer client.CloseIdleConnections()
	var rounds [2]smallRounds
	for round := range s.Rounds {
		s.progress(fmt.Sprintf("round %d of %d", round+1, s.Rounds))
		if err := smallTurns(ctx, client, s.scaled(smallRound, 200), []subject{floor, logmux}, rounds[:]); err != nil {
			return nil, err
		}
	}
	return smallRows(rounds[0], rounds[1]), nil
}

// smallRounds are one proxy's results, by round.
type smallRounds struct {
	p50, p99 []float64 // seconds
	rate     []float64 // requests a second
}

func smallRows(floor, logmux smallRounds) []Row {
	goal := ratioGoal(1.8, 1.2)
	micro := func(of []float64) float64 { return median(of) * 1e6 }
	return []Row{
		newRow("p50 / floor", ratio(logmux.p50, floor.p50), goal,
			"%.0f µs; floor %.0f µs", micro(logmux.p50), micro(floor.p50)),
		newRow("p99 / floor", ratio(logmux.p99, floor.p99), ratioGoal(2, 1.2),
			"%.0f µs; floor %.0f µs", micro(logmux.p99), micro(floor.p99)),
		newRow("floor / requests/s", ratio(floor.rate, logmux.rate), goal,
			"%.0f/s; floor %.0f/s, %d clients", median(logmux.rate), median(floor.rate), smallClients),
	}
}

// smallTurns is one round: n requests to each subject, in batches by turns,
// and as many again from several clients.
func smallTurns(ctx context.Context, client *http.Client, n int, subjects []subject, rounds []smallRounds) error {
	latencies := make([][]float64, len(subjects))
	for batch := range (n + smallBatch - 1) / smallBatch {
		for _, i := range turns(batch, len(subjects)) {
			for range smallBatch {
				took, err := subjects[i].once(ctx, client)
				if err != nil {
					return err
				}
				latencies[i] = append(latencies[i], took.Seconds())
			}
		}
	}
	for _, i := range turns(len(rounds[0].rate), len(subjects)) {
		rate, err := subjects[i].rate(ctx, client, n)
		if err != nil {
			return err
		}
		r := &rounds[i]
		r.p50 = append(r.p50, quantile(latencies[i], 0.5))
		r.p99 = append(r.p99, quantile(latencies[i], 0.99))
		r.rate = append(r.rate, rate)
	}
	return nil
}

// once times one answer, to its end.
func (s subject) once(ctx context.Context, client *http.Client) (time.Duration, error) {
	buffer := make([]byte, block)
	began := time.Now()
	_, _, err := s.count(ctx, client, buffer)
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.name, s.proc.explain(err))
	}
	return took, nil
}

// rate is the requests a second of smallClients that ask n times together.
func (s subject) rate(ctx context.Context, client *http.Client, n int) (float64, error) {
	var clients sync.WaitGroup
	failures := make(chan error, smallClients)
	began := time.Now()
	for range smallClients {
		clients.Go(func() {
			for range n / smallClients {
				if _, err := s.once(ctx, client); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	clients.Wait()
	took := time.Since(began)
	select {
	case err := <-failures:
		return 0, err
	default:
	}
	return float64(n/smallClients*smallClients) / took.Seconds(), nil
}
