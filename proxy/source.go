package proxy

import (
	"context"
	"errors"
	"strings"

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
	if u.URL == nil {
		return &source{fixed: &client{Upstream: u, configured: u.Name, place: place, unknown: &Failure{ReasonDial, errors.New("it has no URL")}}}
	}
	if scheme, ok := strings.CutPrefix(u.URL.Scheme, discoveryPrefix); ok {
		return &source{found: newDiscovery(u, scheme, lookup)}
	}
	c := newClient(u, "")
	c.place = place
	return &source{fixed: c}
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
	h.lookUp(ctx)
	return h.known()
}

// lookUp looks up, all at once, the addresses that are not known to be fresh.
func (h *Handler) lookUp(ctx context.Context) {
	var lookups errgroup.Group
	for _, s := range h.sources {
		if s.found != nil && !s.found.ready(h.lookupValid()) {
			lookups.Go(func() error {
				// What is found serves others too: a client that leaves does not end it.
				s.found.refresh(context.WithoutCancel(ctx), h.lookupValid())
				return nil
			})
		}
	}
	_ = lookups.Wait() // they return none
}

// known are the clients without a look-up.
func (h *Handler) known() []*client {
	clients := make([]*client, 0, len(h.sources))
	for _, s := range h.sources {
		for _, c := range s.known() {
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

// TakeOver takes over the addresses that the handler before had found for the same
// names, so that a change of handlers while looking them up fails loses none. It is
// called before the handler serves.
func (h *Handler) TakeOver(before *Handler) {
	h.start()
	before.start()
	for _, s := range h.sources {
		for _, b := range before.sources {
			if s.found != nil && b.found != nil && s.found.URL.Hostname() == b.found.URL.Hostname() {
				s.found.takeOver(b.found)
			}
		}
	}
}

// Discover keeps the addresses of upstreams with a dns+http or dns+https URL fresh,
// and returns when ctx is done. Without it, requests find them out of date now and
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
