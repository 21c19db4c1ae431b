//go:build linux

package main

import (
	"container/heap"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// message is faas-provider's logs.Message.
type message struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

// naive is the proxy one would write first, out of the standard library and
// after faas-provider's handler: a decoder for each upstream, a channel
// operation a line, container/heap, an encoder, and a flush a line.
type naive struct {
	urls   []string
	client *http.Client
}

func startNaive(u Upstreams) (any, error) {
	return listen(&naive{urls: u.URLs, client: newClient(0)})
}

func (n *naive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	if r.URL.Query().Get("follow") == "true" {
		n.forward(ctx, w, r.URL.RawQuery)
		return
	}
	n.merge(ctx, w, r.URL.RawQuery)
}

// merge sends the upstreams' lines in the order of their timestamps, each
// upstream being sorted.
func (n *naive) merge(ctx context.Context, w http.ResponseWriter, query string) {
	sources := make([]chan message, len(n.urls))
	for u, url := range n.urls {
		sources[u] = make(chan message)
		go func() { // ends with the request at the latest
			defer close(sources[u])
			n.decode(ctx, url, query, sources[u])
		}()
	}
	var heads headHeap
	for _, lines := range sources {
		if first, ok := <-lines; ok {
			heads = append(heads, head{first, lines})
		}
	}
	heap.Init(&heads)
	encoder := json.NewEncoder(w)
	for len(heads) > 0 {
		top := heap.Pop(&heads).(head)
		if encoder.Encode(top.message) != nil {
			return
		}
		w.(http.Flusher).Flush()
		if next, ok := <-top.lines; ok {
			heap.Push(&heads, head{next, top.lines})
		}
	}
}

// forward sends the upstreams' lines as they come.
func (n *naive) forward(ctx context.Context, w http.ResponseWriter, query string) {
	lines := make(chan message)
	var senders sync.WaitGroup
	for _, url := range n.urls {
		senders.Go(func() { n.decode(ctx, url, query, lines) })
	}
	go func() {
		senders.Wait()
		close(lines)
	}()
	encoder := json.NewEncoder(w)
	for {
		select {
		case <-ctx.Done():
			return
		case line, ok := <-lines:
			if !ok || encoder.Encode(line) != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

func (n *naive) decode(ctx context.Context, url, query string, lines chan<- message) {
	response, err := ask(ctx, n.client, url+"/system/logs?"+query)
	if err != nil {
		return
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	for {
		var line message
		if decoder.Decode(&line) != nil {
			return
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}

// A head is an upstream's next line, and where the ones after it come from.
type head struct {
	message message
	lines   <-chan message
}

type headHeap []head

func (h headHeap) Len() int           { return len(h) }
func (h headHeap) Less(a, b int) bool { return h[a].message.Timestamp.Before(h[b].message.Timestamp) }
func (h headHeap) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }
func (h *headHeap) Push(x any)        { *h = append(*h, x.(head)) }

func (h *headHeap) Pop() any {
	last := len(*h) - 1
	top := (*h)[last]
	*h = (*h)[:last]
	return top
}
