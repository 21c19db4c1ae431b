package e2e_test

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// localhost are the addresses that the name has here.
func localhost(t *testing.T) []netip.Addr {
	t.Helper()
	found, err := net.DefaultResolver.LookupNetIP(t.Context(), "ip", "localhost")
	if err != nil {
		t.Skipf("localhost has no address here: %v", err)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}

// atEach serves a provider of its own at each address, all on one port.
func atEach(t *testing.T, addresses []netip.Addr, provider func(netip.Addr) http.Handler) (port int, close map[netip.Addr]func()) {
	t.Helper()
	for range 10 {
		var listeners []net.Listener
		port = 0
		for _, address := range addresses {
			l, err := net.Listen("tcp", netip.AddrPortFrom(address, uint16(port)).String())
			if err != nil {
				break
			}
			listeners = append(listeners, l)
			port = l.Addr().(*net.TCPAddr).Port
		}
		if len(listeners) < len(addresses) { // another process has the port at one of them
			for _, l := range listeners {
				l.Close()
			}
			continue
		}
		close = map[netip.Addr]func(){}
		for i, address := range addresses {
			s := httptest.NewUnstartedServer(provider(address))
			s.Listener.Close()
			s.Listener = listeners[i]
			s.Start()
			t.Cleanup(s.Close)
			close[address] = s.Close
		}
		return port, close
	}
	t.Skipf("no port is free at all of %v", addresses)
	return 0, nil
}

// TestDiscovery asks every address of a name, each as an upstream.
func TestDiscovery(t *testing.T) {
	addresses := localhost(t)
	at := time.Now().Add(-time.Minute).UTC()
	lineOf := func(i int) string {
		return message{"fn", "", addresses[i].String(), at.Add(time.Duration(i) * time.Second), "x"}.wire()
	}
	port, close := atEach(t, addresses, func(address netip.Addr) http.Handler {
		return answers(lineOf(slices.Index(addresses, address)))
	})
	logmux := start(t, "upstreams: [{name: every, url: $every, breaker: {failures: 0}, retry: {max: 0}}, {name: beside, url: $beside}]",
		hosts{"every": fmt.Sprintf("dns+http://localhost:%d", port), "beside": serve(t, answers())})
	t.Logf("localhost has the addresses %v", addresses)
	var names, want []string
	for i, address := range addresses {
		name := "every"
		if len(addresses) > 1 {
			name += "/" + address.String()
		}
		names = append(names, name)
		want = append(want, lineOf(i))
	}
	for range 3 {
		logmux.ask("name=fn").ok().silent().says("Ok", strings.Join(append(slices.Clone(names), "beside"), ",")).has(want)
	}
	close[addresses[0]]()
	logmux.ask("name=fn").ok().says("Failed", names[0]+"=dial").says("Ok", strings.Join(append(slices.Clone(names[1:]), "beside"), ",")).
		warns([]string{names[0], "dial", "missing"}).has(want[1:])
}

// TestDiscoveryFindsNothing has names that do not resolve: they are named, and nothing and nobody waits for them.
func TestDiscoveryFindsNothing(t *testing.T) {
	to := hosts{"good": serve(t, answers(smallLine))}
	for name, url := range map[string]string{
		"each": "dns+http://nowhere.invalid:8080", "tls": "dns+https://nowhere.invalid", "plain": "http://nowhere.invalid:8080",
	} {
		to[name] = url
	}
	begin := time.Now()
	logmux := start(t, `
defaults: {dial_timeout: 1s, retry: {max: 1, min_wait: 1ms, max_wait: 2ms}, breaker: {failures: 0}}
upstreams: [{name: each, url: $each}, {name: good, url: $good}, {name: tls, url: $tls}, {name: plain, url: $plain}]
`, to)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the start took %v", took)
	}
	for range 3 {
		begin := time.Now()
		logmux.ask("name=small").ok().says("Ok", "good").says("Failed", "each=dial,tls=dial,plain=dial").
			warns([]string{"each", "dial"}, []string{"tls", "dial"}, []string{"plain", "dial"}).has([]string{smallLine})
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("the answer took %v", took)
		}
	}
	if got := logmux.ask("name=small&warnings=off").ok().silent(); len(got.lines) != 1 {
		t.Errorf("lines %q", got.lines)
	}
}

// reloaded gives a process whose address is known by now another config.
func (d *daemon) reloaded(config string, to hosts) {
	d.t.Helper()
	d.rewrite(config, to)
	if got, err := d.fetch(http.MethodPost, "/-/reload", nil); err != nil || got.status != http.StatusOK {
		d.t.Fatalf("reload: status %d: %s, %v", got.status, got.body, err)
	}
}

// TestLoops has logmuxes whose upstreams lead back to them: each request goes round once at most, and says so.
func TestLoops(t *testing.T) {
	const alone = "server: {listen: $listen, reload_endpoint: true}\nupstreams: [{name: good, url: $good}]"
	const config = "server: {listen: $listen, reload_endpoint: true}\n" +
		"upstreams: [{name: good, url: $good}, {name: $name, kind: $kind, url: $next}]"
	line := func(text string, seconds int) string {
		return message{"fn", "", "pod", time.Date(2026, 1, 2, 3, 4, seconds, 0, time.UTC), text}.wire()
	}
	ofA, ofB, ofC := line("a", 1), line("b", 2), line("c", 3)
	quickly := func(t *testing.T, logmux *daemon, query string) answer {
		t.Helper()
		begin := time.Now()
		got := logmux.of(t).ask(query).ok()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: the answer took %v", query, took)
		}
		return got
	}
	for _, kind := range []string{"logmux", "generic"} {
		t.Run(kind, func(t *testing.T) {
			a, b, c := serve(t, answers(ofA)), serve(t, answers(ofB)), serve(t, answers(ofC))
			next := func(good, name, url string) hosts {
				return hosts{"good": good, "name": name, "kind": kind, "next": url}
			}
			first := start(t, alone, hosts{"good": a})

			first.reloaded(config, next(a, "self", first.url))
			for _, query := range []string{"name=fn", "name=fn&tail=5"} {
				quickly(t, first, query).says("Ok", "good").says("Failed", "self=status-508").warns([]string{"self", "status-508"}).has([]string{ofA})
			}

			second := start(t, config, next(b, "first", first.url))
			first.reloaded(config, next(a, "second", second.url))
			quickly(t, first, "name=fn").says("Ok", "good,second").says("Failed", "").
				warns([]string{"first", "status-508"}).has([]string{ofA, ofB})
			quickly(t, second, "name=fn").says("Ok", "good,first").warns([]string{"second", "status-508"}).has([]string{ofA, ofB})

			third := start(t, config, next(c, "first", first.url))
			second.reloaded(config, next(b, "third", third.url))
			for _, logmux := range []*daemon{first, second, third} {
				quickly(t, logmux, "name=fn").warns([]string{"status-508"}).has([]string{ofA, ofB, ofC})
			}
		})
	}

	// With nothing else to ask there is nothing to answer, but that it is a loop.
	lonely := start(t, alone, hosts{"good": down(t)})
	lonely.reloaded("upstreams: [{name: self, url: $self}]", hosts{"self": lonely.url})
	begin := time.Now()
	got := lonely.ask("name=fn")
	if got.status != http.StatusBadGateway || got.header.Get("X-Logmux-Failed") != "self=status-508" || time.Since(begin) > 2*time.Second {
		t.Errorf("status %d, failed %q after %v", got.status, got.header.Get("X-Logmux-Failed"), time.Since(begin))
	}
}

// TestLoopOfSidecar has a passthrough that leads back to it.
func TestLoopOfSidecar(t *testing.T) {
	const config = "server: {listen: $listen, reload_endpoint: true, passthrough: $next}\n" + oneUpstream
	logmux := start(t, config, hosts{"next": down(t), "one": down(t)})
	other := start(t, config, hosts{"next": logmux.url, "one": down(t)})
	for name, url := range map[string]string{"itself": logmux.url, "another": other.url} {
		logmux.reloaded(config, hosts{"next": url, "one": down(t)})
		begin := time.Now()
		for _, method := range []string{"GET", "POST"} {
			if got := logmux.send(method, "/system/functions", nil, strings.Repeat("x", 1000)); got.status != http.StatusLoopDetected {
				t.Errorf("by %s: %s: status %d, want 508", name, method, got.status)
			}
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("by %s: it took %v", name, took)
		}
	}
}

// TestLoopOfAddresses has logmux find itself among the addresses of a name, as behind a headless service.
func TestLoopOfAddresses(t *testing.T) {
	addresses := localhost(t)
	if !slices.Contains(addresses, netip.MustParseAddr("127.0.0.1")) {
		t.Skipf("localhost is %v here", addresses)
	}
	const config = "server: {listen: $listen, reload_endpoint: true}\ndefaults: {retry: {max: 0}}\nupstreams: [{name: good, url: $good}, {name: peers, kind: logmux, url: $peers}]"
	to := hosts{"good": serve(t, answers(smallLine)), "peers": "http://nowhere.invalid"}
	logmux := start(t, config, to)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(logmux.url, "http://"))
	to = maps.Clone(to)
	to["peers"] = "dns+http://localhost:" + port
	logmux.reloaded(config, to)
	got := logmux.ask("name=small").ok().says("Ok", "good").has([]string{smallLine})
	if failed := got.header.Get("X-Logmux-Failed"); !strings.Contains(failed, "=status-508") {
		t.Errorf("failed %q", failed)
	}
}
