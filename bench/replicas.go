//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

const replicaCount = 3

// replicas asks three instances through a balancer that takes them in turn,
// and one through another, for little, often.
func replicas(ctx context.Context, s *session) ([]Row, error) {
	if s.standsIn() {
		return nil, errNeedsLogmux
	}
	provided, one, err := s.proxied(ctx, Providers{Upstreams: 4, Lines: smallLines, Layout: Shuffled}, Config{})
	if err != nil {
		return nil, err
	}
	instances := []subject{one}
	for len(instances) < replicaCount {
		instance, err := s.logmux(ctx, Config{}, provided.URLs)
		if err != nil {
			return nil, err
		}
		instances = append(instances, instance)
	}
	alone, together := newBalancer(instances[:1]), newBalancer(instances)
	defer alone.Close()
	defer together.Close()
	three := subject{name: "replicas", proc: one.proc, url: together.URL + query, want: one.want}
	one.url = alone.URL + query

	client := newClient(0)
	defer client.CloseIdleConnections()
	if err := sameAnswers(ctx, client, three.url, "", "&tail=10", "&since="+timestamp(smallLines/2).Format("2006-01-02T15:04:05.999999999Z")); err != nil {
		return nil, err
	}
	var rounds [2]smallRounds
	for round := range s.Rounds {
		s.progress(fmt.Sprintf("round %d of %d", round+1, s.Rounds))
		if err := smallTurns(ctx, client, s.scaled(smallRound, 200), []subject{one, three}, rounds[:]); err != nil {
			return nil, err
		}
	}
	return []Row{
		newRow("p50 / one instance", ratio(rounds[1].p50, rounds[0].p50), noGoal("x"),
			"%.0f µs; one %.0f µs, through a balancer", median(rounds[1].p50)*1e6, median(rounds[0].p50)*1e6),
		newRow("requests/s / one instance", ratio(rounds[1].rate, rounds[0].rate), noGoal("x"),
			"%.0f/s; one %.0f/s, %d clients, on the same cores", median(rounds[1].rate), median(rounds[0].rate), smallClients),
	}, nil
}

// A balancer sends each request to the next instance.
type balancer struct {
	*httptest.Server
	served []atomic.Int64 // by instance
}

func newBalancer(instances []subject) *balancer {
	b := &balancer{served: make([]atomic.Int64, len(instances))}
	var bases []*url.URL
	for _, instance := range instances {
		base, _ := url.Parse(strings.TrimSuffix(instance.url, query)) // it is one that logmux listens at
		bases = append(bases, base)
	}
	var turn atomic.Int64
	b.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			i := int(turn.Add(1)-1) % len(bases)
			b.served[i].Add(1)
			r.SetURL(bases[i])
		},
		FlushInterval: -1,
		Transport:     newClient(block).Transport,
	})
	return b
}

// sameAnswers asks several times for the same, in each of several ways, and
// fails where an answer differs in a byte from the one before.
func sameAnswers(ctx context.Context, client *http.Client, url string, ways ...string) error {
	for _, way := range ways {
		var first string
		for i := range 4 * replicaCount {
			sum := sha256.New()
			if err := read(ctx, client, url+way, make([]byte, block), func(p []byte) { sum.Write(p) }); err != nil {
				return err
			}
			answer := string(sum.Sum(nil))
			if i == 0 {
				first = answer
			}
			if answer != first {
				return mismatch{fmt.Errorf("%s: replicas differ", url+way)}
			}
		}
	}
	return nil
}
