//go:build linux

package faults_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A provider is a sample log provider behind a wire.
type provider struct {
	kind
	name  string // as an upstream
	store *sample.Store
	wire  *wire
}

// A kind is how a provider answers, and what logmux is told of that.
type kind struct {
	name      string
	serves    func(*sample.Store) http.Handler
	holds     func(*sample.Store) http.Handler // the same without a cap
	instances int
	traits    proxy.Upstream
}

// kinds are one of each. Loki's answers are capped.
func kinds(lokiCap int) []kind {
	netes := func(s *sample.Store) http.Handler { return &sample.FaasNetes{Store: s, Interleave: true} }
	faasd := func(s *sample.Store) http.Handler { return &sample.Faasd{Store: s} }
	return []kind{
		{
			name: "faas-netes", serves: netes, holds: netes, instances: 3,
			traits: proxy.Upstream{SinceSlack: 2 * time.Second},
		},
		{
			name: "faasd", serves: faasd, holds: faasd, instances: 1,
			traits: proxy.Upstream{Ordered: true, SinceSlack: 2 * time.Second, TailMode: proxy.TailAll},
		},
		{
			name:      "loki",
			serves:    func(s *sample.Store) http.Handler { return &sample.Loki{Store: s, Interleave: true, MaxLimit: lokiCap} },
			holds:     func(s *sample.Store) http.Handler { return &sample.Loki{Store: s} },
			instances: 2,
			traits: proxy.Upstream{
				TailMode: proxy.TailOldest, MaxLimit: lokiCap, MaxLookback: 719 * time.Hour, HonoursInstance: true,
				FollowMode: proxy.FollowPoll, PollInterval: 50 * time.Millisecond,
			},
		},
	}
}

// ordered makes the answers of a kind ascending: one instance is.
func (k kind) ordered() kind {
	k.instances = 1
	k.traits.Ordered = true
	return k
}

// startProvider starts a provider, behind a wire to be broken.
func startProvider(t testing.TB, name string, k kind) *provider {
	t.Helper()
	p := &provider{kind: k, name: name, store: new(sample.Store)}
	server := httptest.NewUnstartedServer(k.serves(p.store))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	p.wire = newWire(t, server.Listener.Addr().String())
	return p
}

// upstream is the provider as logmux knows it, which is patient with it.
func (p *provider) upstream() proxy.Upstream {
	u := p.traits
	u.Name = p.name
	u.URL = &url.URL{Scheme: "http", Host: p.wire.port.address}
	u.Retry = proxy.Retry{Max: 1, MinWait: 10 * time.Millisecond, MaxWait: 20 * time.Millisecond}
	u.AbsentInterval = 100 * time.Millisecond
	u.Overlap = time.Second
	return u
}

// log logs a line, at one of the function's instances.
func (p *provider) log(function string, n int, at time.Time) {
	instance := fmt.Sprintf("%s-%d", p.name, n%p.instances)
	p.store.Append(function, sample.Line{Instance: instance, Time: at, Text: p.text(n)})
}

// text tells a line from all others of the function. Lines differ in length.
func (p *provider) text(n int) string {
	return fmt.Sprintf("%s says for the %dth time: %s", p.name, n, strings.Repeat("more ", n%23))
}

// history logs n lines from a time on. Upstreams with the same one have lines at
// the same instants.
func (p *provider) history(function string, n int, from time.Time) {
	for i := range n {
		p.log(function, i, from.Add(time.Duration(i)*10*time.Millisecond))
	}
}

// held are the lines that the provider has, as it writes them, in any order.
func (p *provider) held(function string, since time.Time) []string {
	const all = "5000"               // what Loki gives at most
	early := since.Add(-time.Minute) // faas-netes begins up to a second late
	query := url.Values{"name": {function}, "since": {early.Format(time.RFC3339Nano)}, "tail": {all}}
	answer := httptest.NewRecorder()
	p.holds(p.store).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/system/logs?"+query.Encode(), nil))
	var lines []string
	for line := range strings.Lines(answer.Body.String()) {
		if !decode(line).Timestamp.Before(since) {
			lines = append(lines, line)
		}
	}
	return lines
}
