package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

type lookupFunc func(ctx context.Context, host string) ([]netip.Addr, error)

func systemLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// A discovery is an upstream whose name has any number of addresses. It keeps
// the last that were found for as long as looking them up fails.
type discovery struct {
	Upstream // with the URL's scheme as it is asked
	lookup   lookupFunc
	looking  sync.Mutex  // held while they are looked up
	kept     atomic.Bool // they are looked up all the time

	mu     sync.Mutex
	looked time.Time // zero if never
	found  []*client // by address
}

func newDiscovery(u *Upstream, scheme string, lookup lookupFunc) *discovery {
	d := &discovery{Upstream: *u, lookup: lookup}
	target := *u.URL
	target.Scheme = scheme
	d.URL = &target
	if d.lookup == nil {
		d.lookup = systemLookup
	}
	return d
}

// ready reports whether the clients are known without a look-up: somebody keeps
// them fresh, or they were looked up lately.
func (d *discovery) ready(valid time.Duration) bool {
	return d.kept.Load() && len(d.known()) > 0 || d.fresh(valid)
}

// takeOver begins with the addresses of another discovery. They are looked up at
// the next occasion all the same.
func (d *discovery) takeOver(from *discovery) {
	var addresses []netip.Addr
	for _, c := range from.known() {
		if address, err := netip.ParseAddr(c.address); err == nil {
			addresses = append(addresses, address)
		}
	}
	if len(addresses) == 0 {
		return
	}
	d.update(addresses, nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked = time.Time{}
}

// known are the clients of the addresses. If none was ever found, there is one
// that fails with the reason; before the first look-up, none.
func (d *discovery) known() []*client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found
}

// keep looks the addresses up until ctx is done. From the first time on nobody
// else does, or waits for it.
func (d *discovery) keep(ctx context.Context, interval time.Duration) {
	defer d.kept.Store(false)
	d.refresh(ctx, 0)
	for d.kept.Store(true); sleep(ctx, interval); {
		d.refresh(ctx, 0)
	}
}

// refresh looks the addresses up if they are older than valid.
func (d *discovery) refresh(ctx context.Context, valid time.Duration) {
	if d.fresh(valid) {
		return
	}
	d.looking.Lock()
	defer d.looking.Unlock()
	if d.fresh(valid) { // by somebody else meanwhile
		return
	}
	looking, cancel := context.WithTimeout(ctx, d.dialTimeout())
	defer cancel()
	addresses, err := d.lookup(looking, d.URL.Hostname())
	if ctx.Err() != nil {
		return // whatever it says: it was not waited for
	}
	if err == nil && len(addresses) == 0 {
		err = errors.New("its name has no address")
	}
	d.update(addresses, err)
}

func (d *discovery) fresh(valid time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.looked.IsZero() && valid > 0 && time.Since(d.looked) < valid
}

func (d *discovery) update(addresses []netip.Addr, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked = time.Now()
	if err != nil {
		if len(d.found) == 0 || d.found[0].unknown != nil {
			d.found = []*client{{Upstream: &d.Upstream, configured: d.Name, unknown: &Failure{ReasonDial, err}}}
		}
		return
	}
	addresses = slices.Clone(addresses)
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	known := d.found
	d.found = nil
	for _, address := range slices.Compact(addresses) {
		text := address.String()
		i := slices.IndexFunc(known, func(c *client) bool { return c.address == text })
		if i < 0 {
			u := d.Upstream
			d.found = append(d.found, newClient(&u, text))
		} else {
			d.found = append(d.found, known[i])
		}
	}
	d.name()
	for _, c := range known {
		if !slices.ContainsFunc(d.found, func(f *client) bool { return f.address == c.address }) {
			c.closeIdleConnections()
		}
	}
}

// name tells the addresses apart, where there are several. A client that is in
// use keeps the name that it has.
func (d *discovery) name() {
	for i, c := range d.found {
		name := d.Name
		if len(d.found) > 1 {
			name += "/" + c.address
		}
		if c.Name != name {
			renamed := *c
			u := *c.Upstream
			u.Name = name
			renamed.Upstream = &u
			d.found[i] = &renamed
		}
	}
}
