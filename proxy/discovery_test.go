package proxy_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// Each address is asked, in the place of its upstream; ties go by address.
func TestEachAddressIsAsked(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			z := &zone{}
			z.set(addr3, addr1, addr2, addr1) // in any order, and twice
			p := newProxy(t,
				serve(t, "before", oneLine("before", 1, 2), way.options...),
				discovered(t, "up", map[string]http.Handler{
					addr1: oneLine("first", 1, 3), addr2: oneLine("second", 1, 2), addr3: oneLine("third", 1),
				}, way.options...),
				serve(t, "after", oneLine("after", 1, 2), way.options...),
			)
			p.Lookup = z.lookup
			got := p.ask(t, "name=fn")
			var want string
			for _, l := range []struct {
				instance string
				at       float64
			}{{"before", 1}, {"first", 1}, {"second", 1}, {"third", 1}, {"after", 1}, {"before", 2}, {"second", 2}, {"after", 2}, {"first", 3}} {
				want += logLine(l.instance, second(l.at), fmt.Sprint(l.instance, " at ", l.at))
			}
			got.holds(t, want)
			if ok := got.header.Get("X-Logmux-Ok"); ok != "before,up/127.0.0.1,up/127.0.0.2,up/127.0.0.3,after" {
				t.Errorf("ok %q", ok)
			}
			var names, configured []string
			for _, r := range awaits(t, p.reports, "the report").Results {
				names, configured = append(names, r.Upstream), append(configured, r.Configured)
			}
			if !slices.Equal(names, []string{"before", "up/127.0.0.1", "up/127.0.0.2", "up/127.0.0.3", "after"}) ||
				!slices.Equal(configured, []string{"before", "up", "up", "up", "after"}) {
				t.Errorf("results of %q, configured as %q", names, configured)
			}
		})
	}
}

func TestNamesOfAddresses(t *testing.T) {
	z := &zone{}
	p := newProxy(t, discovered(t, "up", map[string]http.Handler{
		addr1: oneLine("first", 1), addr2: sample.Refuse(500, nil)(nil), addr3: http.HandlerFunc(says404),
	}))
	p.Lookup, p.LookupInterval = z.lookup, time.Nanosecond
	for _, test := range []struct {
		addresses          []string
		ok, absent, failed string
	}{
		{[]string{addr1}, "up", "", ""},
		{[]string{addr2}, "", "", "up=status-500"},
		{[]string{addr1, addr2}, "up/127.0.0.1", "", "up/127.0.0.2=status-500"},
		{[]string{addr3, addr2, addr1}, "up/127.0.0.1", "up/127.0.0.3", "up/127.0.0.2=status-500"},
		{[]string{addr3}, "", "up", ""},
		{[]string{addr1}, "up", "", ""},
		{[]string{"::ffff:127.0.0.1", addr1}, "up", "", ""}, // which are the same
	} {
		z.set(test.addresses...)
		got := p.ask(t, "name=fn&namespace=ns")
		if got.header.Get("X-Logmux-Ok") != test.ok || got.header.Get("X-Logmux-Absent") != test.absent || got.failed() != test.failed {
			t.Errorf("%v: ok %q, absent %q, failed %q", test.addresses, got.header.Get("X-Logmux-Ok"), got.header.Get("X-Logmux-Absent"), got.failed())
		}
		if got.status == 200 && test.failed != "" {
			checkWarnings(t, &got, test.failed)
		}
		for _, r := range awaits(t, p.reports, "the report").Results {
			if r.Configured != "up" {
				t.Errorf("%v: %s is configured as %s", test.addresses, r.Upstream, r.Configured)
			}
		}
	}
}

// An upstream whose name is not known has failed at once, and says so.
func TestUnknownName(t *testing.T) {
	for name, spoil := range map[string]func(*zone){
		"an error":   func(z *zone) { z.fail(errors.New("no such host as up.test")) },
		"no address": func(z *zone) { z.set() },
	} {
		t.Run(name, func(t *testing.T) {
			for _, way := range ways {
				t.Run(way.name, func(t *testing.T) {
					z := &zone{}
					spoil(z)
					up := discovered(t, "up", map[string]http.Handler{addr1: oneLine("first", 9)}, append(way.options, retries(3))...)
					p := newProxy(t, up, serve(t, "sound", answers(threeLines()), way.options...))
					p.Lookup, p.LookupInterval = z.lookup, time.Nanosecond
					got := p.ask(t, "name=fn&namespace=ns")
					got.holdsLogs(t, threeLines())
					checkWarnings(t, &got, "up=dial")
					if got.failed() != "up=dial" || !strings.Contains(got.warnings[0].Text, "up.test") && !strings.Contains(got.warnings[0].Text, "no address") {
						t.Errorf("failed %q: %s", got.failed(), got.warnings[0].Text)
					}
					z.set(addr1)
					got = p.ask(t, "name=fn")
					if got.failed() != "" || got.header.Get("X-Logmux-Ok") != "up,sound" {
						t.Errorf("failed %q, ok %q, though the name is known now", got.failed(), got.header.Get("X-Logmux-Ok"))
					}

					spoil(z) // what was found last, is asked
					for range 3 {
						got = p.ask(t, "name=fn")
						if got.failed() != "" || got.header.Get("X-Logmux-Ok") != "up,sound" {
							t.Errorf("failed %q, ok %q, though the name was known", got.failed(), got.header.Get("X-Logmux-Ok"))
						}
					}
				})
			}
		})
	}
}

func TestUnknownNameAlone(t *testing.T) {
	z := &zone{}
	z.fail(errors.New("no such host as up.test"))
	p := newProxy(t, at(t, "up", "dns+http://up.test"))
	p.Lookup = z.lookup
	for _, query := range []string{"name=fn", "name=fn&follow=true"} {
		got := p.asksAtOnce(t, query)
		if got.status != http.StatusBadGateway || got.failed() != "up=dial" || !strings.Contains(got.body, "no such host as up.test") {
			t.Errorf("%s: status %d, failed %q: %s", query, got.status, got.failed(), got.body)
		}
	}
}

// The server is asked by its name, as a virtual host is, and the certificate held to it.
func TestDiscoveredServerIsAskedByItsName(t *testing.T) {
	own := newAuthority(t)
	asked := make(chan *http.Request, 10)
	provider := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		answers(threeLines())(w, r)
	})
	right, other := own.named("up.test"), own.named("other.test")
	for _, test := range []struct {
		name   string
		cert   *tls.Certificate // nil: no TLS
		server string           // as the settings have it
		failed string
	}{
		{"plain", nil, "", ""},
		{"TLS", &right, "", ""},
		{"another's certificate", &other, "", "up=tls"},
		{"another's certificate, as it should be", &other, "other.test", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			z := &zone{}
			z.set(addr1)
			u := discovered(t, "up", map[string]http.Handler{addr1: provider})
			if test.cert != nil {
				server := newTLSServer(t, provider, &tls.Config{Certificates: []tls.Certificate{*test.cert}})
				u = at(t, "up", strings.Replace(server.URL, "https://127.0.0.1", "dns+https://up.test", 1), withTLS(&tls.Config{RootCAs: own.pool(), ServerName: test.server}))
			}
			p := newProxy(t, u)
			p.Lookup = z.lookup
			got := p.ask(t, "name=fn")
			if got.failed() != test.failed {
				t.Fatalf("failed %q, want %q: %s", got.failed(), test.failed, got.body)
			}
			if test.failed != "" {
				return
			}
			got.holds(t, threeLines())
			r := awaits(t, asked, "the request")
			if r.Host != u.URL.Host || r.URL.Path != "/system/logs" {
				t.Errorf("asked %s of %s, want %s", r.URL.Path, r.Host, u.URL.Host)
			}
			if want := map[bool]string{true: "up.test", false: test.server}[test.server == ""]; test.cert != nil && r.TLS.ServerName != want {
				t.Errorf("TLS server name %q, want %q", r.TLS.ServerName, want)
			}
		})
	}
}

// Each address has a breaker of its own, and what else there is of an upstream.
func TestAddressesAreUpstreamsOfTheirOwn(t *testing.T) {
	z := &zone{}
	z.set(addr1, addr2)
	sound, broken := &sample.Recorder{Handler: oneLine("first", 1)}, &sample.Recorder{Handler: sample.Refuse(503, nil)(nil)}
	u := discovered(t, "up", map[string]http.Handler{addr1: sound, addr2: broken}, breaking(1, never),
		authorizedBy(func() (string, error) { return "Bearer x", nil }))
	u.URL.Path, u.URL.User = "/eu", url.User("nobody")
	p := newProxy(t, u)
	p.Lookup, p.LookupInterval = z.lookup, time.Nanosecond // the breakers outlive the look-ups
	for _, want := range []string{"status-503", "breaker", "breaker"} {
		if got := p.ask(t, "name=fn"); got.failed() != "up/127.0.0.2="+want || got.header.Get("X-Logmux-Ok") != "up/127.0.0.1" {
			t.Errorf("failed %q, want %s", got.failed(), want)
		}
	}
	if n, m := len(sound.Queries()), len(broken.Queries()); n != 3 || m != 1 {
		t.Errorf("the sound one was asked %d times, the broken one %d", n, m)
	}
	for _, h := range sound.Headers() {
		if h.Get("Authorization") != "Bearer x" {
			t.Errorf("Authorization %q", h.Get("Authorization"))
		}
	}
}

// The connections to an address are kept for as long as it is one.
func TestConnectionsOfAddresses(t *testing.T) {
	z := &zone{}
	opened, closed := make(chan struct{}, 100), make(chan struct{}, 100)
	u := discoveredServers(t, "up", map[string]*http.Server{
		addr1: {Handler: oneLine("first", 1)},
		addr2: {Handler: oneLine("second", 1), ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				opened <- struct{}{}
			case http.StateClosed:
				closed <- struct{}{}
			}
		}},
	})
	p := newProxy(t, u)
	p.Lookup, p.LookupInterval = z.lookup, time.Nanosecond
	for _, addresses := range [][]string{{addr2}, {addr1, addr2}, {addr2}, {addr1, addr2}} {
		z.set(addresses...)
		if got := p.ask(t, "name=fn"); got.failed() != "" {
			t.Errorf("failed %q", got.failed())
		}
	}
	if n, m := len(opened), len(closed); n != 1 || m != 0 {
		t.Errorf("%d connections opened, %d closed, want one", n, m)
	}
	z.set(addr1)
	p.ask(t, "name=fn")
	awaits(t, closed, "the end of the connection to an address that is gone")
}
