//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// children are the hidden first arguments with which this program starts
// itself. The second argument is a child's description in JSON. It prints one
// line of JSON when it serves, and ends when its standard input does, so that
// none outlives the benchmark.
var children = map[string]func(description []byte) (any, error){
	"_providers": func(description []byte) (any, error) { return describe(description, startProviders) },
	"_floor":     func(description []byte) (any, error) { return describe(description, startFloor) },
	"_naive":     func(description []byte) (any, error) { return describe(description, startNaive) },
}

// Upstreams is the description of a floor or a naive proxy.
type Upstreams struct {
	URLs []string `json:"urls"`
}

// Listening is what a proxy says once it serves.
type Listening struct {
	URL string `json:"url"`
}

func describe[D any](description []byte, start func(D) (any, error)) (any, error) {
	var d D
	if err := json.Unmarshal(description, &d); err != nil {
		return nil, err
	}
	return start(d)
}

func runChild(start func([]byte) (any, error), description string) {
	ready, err := start([]byte(description))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(ready)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin)
}

// listen serves a proxy's one route until the process ends.
func listen(handler http.Handler) (any, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go http.Serve(listener, handler) //nolint:errcheck // it serves as long as the process lives
	return Listening{URL: "http://" + listener.Addr().String()}, nil
}
