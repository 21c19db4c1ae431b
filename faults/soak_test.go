//go:build linux

package faults_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

var (
	soakSeed  = flag.Uint64("soak.seed", 0, "of the soak's faults and clients; if zero, another each time")
	soakRound = flag.Duration("soak.round", 10*time.Second, "how long one round of the soak takes")
)

const visitors = 24

// BenchmarkSoak lets clients come and go while every wire breaks and heals at
// random, and the handler of one site is swapped. Each answer is held to the
// promise. In the end there must be no goroutine, open file, spilled file or
// memory more than after the warm-up, before which little was there yet.
//
// One iteration is one round. What the toxics themselves draw is not of the seed.
func BenchmarkSoak(b *testing.B) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	b.Logf("-soak.seed %d", seed)
	l := newLab(b)
	var clients []*http.Client
	var all []*visitor
	for i := range visitors {
		v := newVisitor(l, fmt.Sprintf("live-%d", i), rand.New(rand.NewPCG(seed, uint64(i))))
		all = append(all, v)
		clients = append(clients, v.client, v.slow)
	}
	rng := rand.New(rand.NewPCG(seed, visitors))
	if err := l.round(*soakRound/4, rng, all); err != nil {
		b.Fatal("warm-up: ", err)
	}
	before := l.idle(clients...)
	l.done = tally{}

	start := time.Now()
	for b.Loop() {
		if err := l.round(*soakRound, rng, all); err != nil {
			b.Fatal(err)
		}
	}
	seconds := time.Since(start).Seconds()
	after := l.idle(clients...)
	if err := errors.Join(after.leftOver(before), l.tidy()); err != nil {
		b.Fatal(err)
	}
	if l.done.spilled.Load() == 0 {
		b.Fatal("nothing was spilled, though the memory is small")
	}
	b.ReportMetric(float64(l.done.requests.Load())/seconds, "requests/s")
	b.ReportMetric(float64(l.done.checked.Load()), "checked")
	b.ReportMetric(float64(l.done.faults.Load()), "faults")
	b.ReportMetric(float64(l.done.failures.Load()), "failures")
	b.ReportMetric(float64(l.done.spilled.Load())/1e6, "spilled-MB")
	b.ReportMetric(float64(int64(after.heap)-int64(before.heap)), "heap-B")
}

// round lets the visitors come and go for a time, while the wires break. It
// returns when the last has left and the wires are healed.
func (l *lab) round(d time.Duration, rng *rand.Rand, all []*visitor) error {
	breaking, heal := context.WithCancel(context.Background())
	var faults sync.WaitGroup
	for _, c := range l.clusters {
		for _, p := range c.providers {
			seed := rand.NewPCG(rng.Uint64(), rng.Uint64())
			faults.Go(func() { l.breakWires(breaking, rand.New(seed), p.wire) })
		}
	}
	seed := rand.NewPCG(rng.Uint64(), rng.Uint64())
	faults.Go(func() { l.swaps(breaking, rand.New(seed), l.swapped) })

	end := time.Now().Add(d)
	errs := make([]error, len(all))
	var visiting sync.WaitGroup
	for i, v := range all {
		visiting.Go(func() { errs[i] = v.comeAndGo(end) })
	}
	visiting.Wait()
	heal()
	faults.Wait()
	return errors.Join(append(errs, l.calm(all[0]))...)
}

// calm swaps handlers while nothing breaks: faults would end the connections that
// a handler leaves behind.
func (l *lab) calm(v *visitor) error {
	for range 5 {
		if err := v.askAt(context.Background(), l.swapped, v.client); err != nil {
			return err
		}
		l.swap(l.swapped)
	}
	return nil
}

// comeAndGo asks in one way after the other, up to a time or an error.
func (v *visitor) comeAndGo(end time.Time) error {
	for ways := v.ways(); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		err := ways[v.rng.IntN(len(ways))](ctx)
		cancel()
		if err != nil {
			return err
		}
		v.done.requests.Add(1)
	}
	return nil
}
