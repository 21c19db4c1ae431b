package demo

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A provider is a sample log provider on a loopback port of its own, which it
// keeps while it is stopped.
type provider struct {
	name, kind string
	habits     string   // for the reader
	instances  []string // that log there
	traits     proxy.Upstream
	handler    http.Handler

	store   *sample.Store
	address string       // host:port
	server  *http.Server // nil while stopped
	running sync.WaitGroup
}

type providers []*provider

// newProviders are the three, with the function's history.
func newProviders() providers {
	netes, journal, loki := new(sample.Store), new(sample.Store), new(sample.Store)
	ps := providers{{
		name: "eu-west", kind: "faas-netes",
		habits:    "two pods, their lines not in order; tail counts for each pod; since in whole seconds",
		instances: []string{west1, west2},
		store:     netes,
		handler:   &sample.FaasNetes{Store: netes, Interleave: true},
		traits: proxy.Upstream{
			SinceSlack: 2 * time.Second,
		},
	}, {
		name: "edge", kind: "faasd",
		habits:    "a journal, in order; since in whole seconds; tail keeps the oldest",
		instances: []string{edge1},
		store:     journal,
		handler:   &sample.Faasd{Store: journal},
		traits: proxy.Upstream{
			Ordered:    true,
			SinceSlack: 2 * time.Second,
			TailMode:   proxy.TailAll,
		},
	}, {
		name: "us-east", kind: "openfaas-loki",
		habits:    "two streams, not in order; tail keeps the oldest; no follow",
		instances: []string{east1, east2},
		store:     loki,
		handler:   &sample.Loki{Store: loki},
		traits: proxy.Upstream{
			TailMode:        proxy.TailOldest,
			FollowMode:      proxy.FollowPoll,
			PollInterval:    300 * time.Millisecond,
			MaxLimit:        5000,
			MaxLookback:     719 * time.Hour,
			HonoursInstance: true,
		},
	}}
	ps.logHistory(time.Now())
	return ps
}

// upstream is the provider as the proxy is to see it. It must have started once.
func (p *provider) upstream() proxy.Upstream {
	u := p.traits
	u.Name = p.name
	u.URL = &url.URL{Scheme: "http", Host: p.address}
	u.Retry = proxy.Retry{Max: 2, MinWait: 100 * time.Millisecond, MaxWait: time.Second}
	return u
}

func (ps providers) start() error {
	for _, p := range ps {
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

func (ps providers) stop() {
	for _, p := range ps {
		p.stop()
	}
}

// log appends a line to the log of its instance.
func (ps providers) log(e entry, at time.Time) {
	i := slices.IndexFunc(ps, func(p *provider) bool { return slices.Contains(p.instances, e.instance) })
	ps[i].store.Append(function, sample.Line{Instance: e.instance, Time: at, Text: e.text})
}

// start serves on the provider's port; the first time, that is a free one.
func (p *provider) start() error {
	if p.address == "" {
		p.address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.address = l.Addr().String()
	server := &http.Server{
		Handler:   p.handler,
		ConnState: p.count,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	p.server = server
	p.running.Go(func() {
		_ = server.Serve(l) // until stop; if it ends before, the proxy sees that nobody listens
		server.Close()      // a connection that was accepted while stop closed the others
	})
	return nil
}

// count makes stop wait for the goroutines of connections. The first Add comes
// before any Wait, and each other one from a goroutine that is counted itself.
func (p *provider) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		p.running.Add(1)
	case http.StateClosed:
		p.running.Done()
	}
}

// stop closes the listener and breaks every connection, whatever is being
// answered. It returns when their goroutines have ended. A stopped provider
// may be stopped again.
func (p *provider) stop() {
	if p.server == nil {
		return
	}
	p.server.Close()
	p.running.Wait()
	p.server = nil
}
