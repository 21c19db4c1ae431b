//go:build linux

package main

import (
	"io"
	"net/http"
	"sync"
)

// floor is the least a proxy of many upstreams can do: it asks all at once and
// copies their bodies to the client in turn, 64 KB at a time. It parses nothing
// and merges nothing.
type floor struct {
	urls   []string
	client *http.Client
}

func startFloor(u Upstreams) (any, error) {
	return listen(&floor{urls: u.URLs, client: newClient(block)})
}

// ServeHTTP breaks the answer where an upstream fails: the client sees it.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	responses := f.askAll(r)
	defer func() {
		for _, asked := range responses {
			if asked.err == nil {
				asked.response.Body.Close()
			}
		}
	}()
	out := struct{ io.Writer }{w} // without ReaderFrom, which would use a smaller buffer
	buffer := make([]byte, block)
	for _, asked := range responses {
		if asked.err != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := io.CopyBuffer(out, asked.response.Body, buffer); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

type asked struct {
	response *http.Response
	err      error
}

func (f *floor) askAll(r *http.Request) []asked {
	responses := make([]asked, len(f.urls))
	var all sync.WaitGroup
	for u, url := range f.urls {
		all.Go(func() {
			response, err := ask(r.Context(), f.client, url+"/system/logs?"+r.URL.RawQuery)
			responses[u] = asked{response, err}
		})
	}
	all.Wait()
	return responses
}
