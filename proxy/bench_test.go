package proxy_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/openfaas-logmux/logmux/proxy"
)

// BenchmarkHandler reports the allocations per line of the whole path, those of
// the upstreams' and the client's side included.
func BenchmarkHandler(b *testing.B) {
	const lines, upstreams, most = 100_000, 4, 0.02
	for _, bench := range []struct {
		name    string
		ordered bool
		query   string
	}{
		{"ordered", true, "name=fn"},
		{"unsorted", false, "name=fn"},
		{"tail", false, "name=fn&tail=1000"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h := &proxy.Handler{}
			size := 0
			for u := range upstreams {
				body := manyLines(lines/upstreams, bench.ordered)
				size += len(body)
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
				defer s.Close()
				up := at(b, fmt.Sprintf("u%d", u), s.URL)
				up.Ordered = bench.ordered
				h.Upstreams = append(h.Upstreams, up)
			}
			defer h.CloseIdleConnections()
			front := httptest.NewServer(h)
			defer front.Close()
			ask := func() {
				resp, err := front.Client().Get(front.URL + "/system/logs?" + bench.query)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || n == 0 {
					b.Fatalf("%d bytes, %v", n, err)
				}
			}
			ask() // opens the connections and fills the pools
			b.SetBytes(int64(size))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			requests := 0
			for b.Loop() {
				ask()
				requests++
			}
			runtime.ReadMemStats(&after)
			perLine := float64(after.Mallocs-before.Mallocs) / float64(requests) / lines
			b.ReportMetric(perLine, "allocs/line")
			if perLine > most {
				b.Errorf("%.4f allocations per line, want at most %v", perLine, most)
			}
		})
	}
}

func manyLines(n int, ordered bool) []byte {
	rng := rand.New(rand.NewPCG(15, 16))
	text := strings.Repeat("x", 200)
	var body []byte
	for i := range n {
		at := float64(i) * 1e-3
		if !ordered {
			at = float64(rng.IntN(n)) * 1e-3
		}
		body = append(body, logLine(fmt.Sprintf("pod-%d", i%3), second(at), text)...)
	}
	return body
}
