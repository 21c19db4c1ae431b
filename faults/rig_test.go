//go:build linux

package faults_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
)

const (
	lokiCap      = 100
	historyLines = 2*lokiCap + 15 // the tail reaches back beyond Loki's last page
	wholeAnswer  = 48 << 10       // bytes of an upstream's, and a little more
	middleOf     = 16 << 10
)

// A mode is a way that bounded answers come about.
type mode struct {
	name    string
	ordered bool // all upstreams are: lines are sent while they arrive
	tail    int
}

var modes = []mode{
	{name: "sorted"},
	{name: "streamed", ordered: true},
	{name: "tail", tail: 70},
}

// A rig is one upstream of each kind with the same history, and logmux in front
// of them. The wire of one upstream is going to break.
type rig struct {
	*proxy.Handler
	providers []*provider
	broken    *provider
	want      *holdings
	request   request

	front  string
	client *http.Client
}

func newRig(t *testing.T, m mode, broken, lines int) *rig {
	t.Helper()
	since := time.Now().Add(-time.Minute).Truncate(time.Second)
	r := &rig{
		Handler: &proxy.Handler{Timeout: patience},
		request: request{function: "fn", since: since, tail: m.tail},
	}
	for _, k := range kinds(lokiCap) {
		if m.ordered {
			k = k.ordered()
		}
		p := startProvider(t, "up-"+k.name, k)
		p.history("fn", lines, since)
		r.providers = append(r.providers, p)
		r.Upstreams = append(r.Upstreams, p.upstream())
	}
	r.broken = r.providers[broken]
	r.want = hold("fn", since, r.providers)
	return r
}

// serve lets logmux serve. Until then its settings may be changed.
func (r *rig) serve(t *testing.T) { r.front, r.client = serve(t, r.Handler) }

// ask holds the answer to the promise, and returns why the broken upstream has
// failed, if it has.
func (r *rig) ask(t *testing.T) (failed map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := r.request.ask(ctx, r.client, r.front)
	if err == nil {
		err = r.want.completeOrNamed(r.request, a)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a.failed
}

// serve puts the handler behind a server, and returns its URL and a client.
func serve(t testing.TB, h *proxy.Handler) (front string, client *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	client = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
		h.CloseIdleConnections()
	})
	return server.URL, client
}
