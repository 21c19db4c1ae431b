package proxy

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A source is an upstream as it is configured: one client, or one for each
// address of its name.
type source struct {
	fixed *client    // nil if there is
	found *discovery // this one
}

// discoveryPrefix begins the scheme of a URL of which each address is asked.
const discoveryPrefix = "dns+"

func newSource(u *Upstream, place int, lookup lookupFunc) *source {
	if scheme, ok := strings.CutPrefix(u.URL.Scheme, discoveryPrefix); ok {
		return &source{found: newDiscovery(u, scheme, lookup)}
	}
	c := newClient(u, "")
	c.place = place
	return &source{fixed: c}
}

func (s *source) clients(ctx context.Context, valid time.Duration) []*client {
	if s.fixed != nil {
		return []*client{s.fixed}
	}
	return s.found.clients(ctx, valid)
}

// known are the clients without a look-up.
func (s *source) known() []*client {
	if s.fixed != nil {
		return []*client{s.fixed}
	}
	return s.found.known()
}

func (s *source) breakersOpen() (n int) {
	for _, c := range s.known() {
		if c.breaker.open() {
			n++
		}
	}
	return n
}

func (s *source) closeIdleConnections() {
	for _, c := range s.known() {
		c.closeIdleConnections()
	}
}

// clients are those of all upstreams as they are now, each in its place.
func (h *Handler) clients(ctx context.Context) []*client {
	h.start()
	clients := make([]*client, 0, len(h.sources))
	for _, s := range h.sources {
		for _, c := range s.clients(ctx, h.lookupValid()) {
			if c.place != len(clients) {
				c = c.at(len(clients))
			}
			clients = append(clients, c)
		}
	}
	return clients
}

// Breakers returns how many breakers are open now, by the name of each upstream
// that has one: 0 or 1, or for a dns+http URL at most as many as it has addresses.
func (h *Handler) Breakers() map[string]int {
	h.start()
	open := map[string]int{}
	for i, s := range h.sources {
		if h.Upstreams[i].Breaker.Failures > 0 {
			open[h.Upstreams[i].Name] = s.breakersOpen()
		}
	}
	return open
}

// Discover keeps the addresses of upstreams with a dns+http or dns+https URL
// fresh until ctx is done. Without it, requests find them out of date now and
// then and wait for a look-up.
func (h *Handler) Discover(ctx context.Context) {
	h.start()
	var lookups errgroup.Group
	for _, s := range h.sources {
		if s.found != nil {
			lookups.Go(func() error {
				s.found.keep(ctx, h.lookupInterval())
				return nil
			})
		}
	}
	_ = lookups.Wait() // they return none
}
