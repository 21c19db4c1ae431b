package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/openfaas-logmux/logmux/proxy"
)

// The addresses of up.test, or some of them.
const (
	addr1 = "127.0.0.1"
	addr2 = "127.0.0.2"
	addr3 = "127.0.0.3"
)

// A zone is what a resolver knows of the host up.test.
type zone struct {
	mu        sync.Mutex
	addresses []string
	err       error
	hangs     bool // until its caller waits no longer
	lookups   int
	hanging   int // look-ups under way
}

func (z *zone) set(addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.addresses, z.err, z.hangs = addresses, nil, false
}

func (z *zone) fail(err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.addresses, z.err = nil, err
}

func (z *zone) hang() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.hangs = true
}

// asked is how often it was looked up, and under how many look-ups it hangs.
func (z *zone) asked() (lookups, hanging int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.lookups, z.hanging
}

func (z *zone) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.lookups++
	if host != "up.test" {
		return nil, fmt.Errorf("no such host as %s", host)
	}
	if z.hangs {
		z.hanging++
		z.mu.Unlock()
		<-ctx.Done()
		z.mu.Lock()
		z.hanging--
		return nil, ctx.Err()
	}
	var addresses []netip.Addr
	for _, a := range z.addresses {
		addresses = append(addresses, netip.MustParseAddr(a))
	}
	return addresses, z.err
}

// discovered serves each provider at its address, all at one port, and returns
// the upstream that they are. A zone is yet to know them.
func discovered(t testing.TB, name string, providers map[string]http.Handler, options ...option) proxy.Upstream {
	t.Helper()
	servers := map[string]*http.Server{}
	for address, provider := range providers {
		servers[address] = &http.Server{Handler: provider}
	}
	return discoveredServers(t, name, servers, options...)
}

func discoveredServers(t testing.TB, name string, servers map[string]*http.Server, options ...option) proxy.Upstream {
	t.Helper()
	listeners, port := listenAt(t, servers)
	for address, server := range servers {
		server.ErrorLog = log.New(io.Discard, "", 0)
		go server.Serve(listeners[address])
		t.Cleanup(func() { server.Close() })
	}
	return at(t, name, "dns+http://up.test:"+port, options...)
}

// listenAt listens at each of the addresses, at one port.
func listenAt[T any](t testing.TB, addresses map[string]T) (listeners map[string]net.Listener, port string) {
	t.Helper()
	for range 20 { // it may be taken at one of them
		listeners, port = map[string]net.Listener{}, "0"
		for address := range addresses {
			l, err := net.Listen("tcp", net.JoinHostPort(address, port))
			if err != nil {
				break
			}
			listeners[address] = l
			_, port, _ = net.SplitHostPort(l.Addr().String())
		}
		if len(listeners) == len(addresses) {
			return listeners, port
		}
		for _, l := range listeners {
			l.Close()
		}
	}
	t.Fatal("no port is free at all addresses")
	panic("unreachable")
}

// oneLine is a provider with a line for each of the instants, by instance.
func oneLine(instance string, seconds ...float64) http.HandlerFunc {
	var lines string
	for _, s := range seconds {
		lines += logLine(instance, second(s), fmt.Sprint(instance, " at ", s))
	}
	return answers(lines)
}
