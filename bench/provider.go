//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// Providers says what the providers process serves.
type Providers struct {
	Upstreams  int    `json:"upstreams"`
	Lines      int    `json:"lines"` // of all upstreams together
	Layout     Layout `json:"layout"`
	LineChunks bool   `json:"line_chunks"` // every line an HTTP chunk of its own

	// Tail is the N whose newest lines are summed up in Provided.Tail.
	Tail int `json:"tail"`

	// Live is what a follow brings. If zero, follow is not looked at.
	Live Live `json:"live"`
}

// Provided is what the providers process says once it serves.
type Provided struct {
	URLs []string `json:"urls"`
	All  Content  `json:"all"`
	Tail Content  `json:"tail"`
}

// providers serves k upstreams from memory, each on a port and under a path
// prefix of its own. It speaks just enough HTTP/1.1, by hand, so that it costs
// little beside what it measures.
type providers struct {
	spec    Providers
	dataset *Dataset
	answers [][][]byte // by upstream

	following atomic.Int64  // open follows
	burst     chan struct{} // closed when the idle followers' burst begins
}

func startProviders(spec Providers) (any, error) {
	p := &providers{spec: spec, dataset: newDataset(spec.Upstreams), burst: make(chan struct{})}
	ready := Provided{}
	ready.All, ready.Tail = p.generate()
	for u := range spec.Upstreams {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ready.URLs = append(ready.URLs, fmt.Sprintf("http://%s/u%d", listener.Addr(), u))
		go p.serve(listener) // until the process ends
	}
	return ready, nil
}

func (p *providers) generate() (all, tail Content) {
	var line []byte
	for u, numbers := range deal(p.spec.Upstreams, p.spec.Lines, p.spec.Layout) {
		a := answer{LineChunks: p.spec.LineChunks}
		for _, i := range numbers {
			line = p.dataset.appendLine(line[:0], u, int(i), timestamp(int(i)))
			all.add(line)
			if int(i) >= p.spec.Lines-p.spec.Tail {
				tail.add(line)
			}
			a.add(line)
		}
		a.end()
		p.answers = append(p.answers, a.pieces)
	}
	return all, tail
}

func (p *providers) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go p.converse(conn)
	}
}

// converse answers one connection's requests until an end of it fails.
func (p *providers) converse(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 1024)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if err := p.answer(conn, in, request); err != nil {
			return
		}
	}
}

func (p *providers) answer(conn net.Conn, in io.Reader, request *http.Request) error {
	switch request.URL.Path {
	case "/following":
		return text(conn, fmt.Sprint(p.following.Load()))
	case "/burst":
		close(p.burst)
		return text(conn, "ok")
	}
	var u int
	if _, err := fmt.Sscanf(request.URL.Path, "/u%d/system/logs", &u); err != nil || u >= len(p.answers) {
		return fmt.Errorf("no upstream at %s", request.URL.Path)
	}
	if p.spec.Live.Kind != "" && request.URL.Query().Get("follow") == "true" {
		return p.follow(conn, in, u)
	}
	for _, piece := range p.answers[u] {
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func text(w io.Writer, body string) error {
	_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

// control asks the providers process itself, at any upstream's port.
func control(url, path string) (string, error) {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	response, err := http.Get(scheme + "://" + host + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
