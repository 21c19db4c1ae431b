package sample

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// Recorder keeps what was asked. It is safe for concurrent use.
type Recorder struct {
	// Handler answers the requests.
	Handler http.Handler

	mu      sync.Mutex
	queries []url.Values
	headers []http.Header
}

func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.queries = append(r.queries, req.URL.Query())
	r.headers = append(r.headers, req.Header.Clone())
	r.mu.Unlock()
	r.Handler.ServeHTTP(w, req)
}

// Queries returns the parameters of each request, in order of arrival.
func (r *Recorder) Queries() []url.Values {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.queries)
}

// Headers returns the header of each request, in order of arrival.
func (r *Recorder) Headers() []http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.headers)
}
