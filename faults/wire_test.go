//go:build linux

package faults_test

import (
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A wire is the way to one provider. It carries connections through one toxic in
// each direction, which may change while they last, and may be down.
type wire struct {
	port     *port
	provider string // its address
	running  sync.WaitGroup

	turning sync.Mutex // one change of toxics at a time

	mu       sync.Mutex
	toxics   [stream.NumDirections]toxics.Toxic
	listener net.Listener // nil while the wire is down
	links    map[*link]bool
	closed   bool
}

// newWire lays a wire to a provider, until the test ends.
func newWire(t testing.TB, provider string) *wire {
	t.Helper()
	w := &wire{port: newPort(t), provider: provider, links: map[*link]bool{}}
	for d := range w.toxics {
		w.toxics[d] = new(toxics.NoopToxic)
	}
	w.up()
	t.Cleanup(w.close)
	return w
}

// set changes the toxic of one direction: Upstream is that of the requests,
// Downstream that of the answers. It counts for what is under way, too.
func (w *wire) set(d stream.Direction, toxic toxics.Toxic) {
	w.turning.Lock()
	defer w.turning.Unlock()
	w.mu.Lock()
	w.toxics[d] = toxic
	links := slices.Collect(maps.Keys(w.links))
	w.mu.Unlock()
	var turned sync.WaitGroup
	for _, l := range links {
		turned.Go(func() { l.set(d, toxic) })
	}
	turned.Wait()
}

// heal makes a wire of it that is as good as new.
func (w *wire) heal() {
	w.set(stream.Upstream, new(toxics.NoopToxic))
	w.set(stream.Downstream, new(toxics.NoopToxic))
	w.up()
}

// down refuses connections and breaks those that there are.
func (w *wire) down() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener == nil {
		return
	}
	w.listener.Close()
	w.listener = nil
	for l := range w.links {
		l.close()
	}
}

func (w *wire) up() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil || w.closed {
		return
	}
	listener, err := net.Listen("tcp", w.port.address)
	if err != nil {
		panic(err) // the port is ours
	}
	w.listener = listener
	w.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the wire is down
			}
			w.running.Go(func() { w.carry(conn.(*net.TCPConn), listener) })
		}
	})
}

// after does something to the wire in a moment.
func (w *wire) after(moment time.Duration, do func()) {
	w.running.Go(func() {
		time.Sleep(moment)
		do()
	})
}

// connections is how many the wire carries.
func (w *wire) connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.links)
}

func (w *wire) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.down()
	w.heal() // what is still on its way through a slow toxic is of no use
	w.running.Wait()
	w.port.close()
}

// carry takes a client's connection to the provider, for as long as it lasts.
func (w *wire) carry(client *net.TCPConn, from net.Listener) {
	defer client.Close()
	provider, err := net.Dial("tcp", w.provider)
	if err != nil {
		return
	}
	defer provider.Close()
	if l := w.link(client, provider.(*net.TCPConn), from); l != nil {
		l.running.Wait()
		w.mu.Lock()
		delete(w.links, l)
		w.mu.Unlock()
	}
}

// link starts a link through the toxics of the moment, or returns nil if the
// wire has been down meanwhile.
func (w *wire) link(client, provider *net.TCPConn, from net.Listener) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != from {
		return nil
	}
	l := newLink(client, provider, w.toxics)
	w.links[l] = true
	return l
}
