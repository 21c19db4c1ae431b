package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// retryAfter is what a client that is turned away is told to wait, in seconds:
// about as long as a replacement takes to be ready.
const retryAfter = "5"

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/system/logs", s.logs)
	mux.Handle("/healthz", only(s.healthz, http.MethodGet, http.MethodHead))
	mux.Handle("/readyz", only(s.readyz, http.MethodGet, http.MethodHead))
	mux.Handle("/metrics", only(s.Metrics.ServeHTTP, http.MethodGet))
	return mux
}

// only refuses other methods.
func only(next http.HandlerFunc, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			http.Error(w, "only "+allow+" is served here", http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	})
}

func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	if !s.requests.enter() {
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "logmux is shutting down", http.StatusServiceUnavailable)
		return
	}
	defer s.requests.leave()
	s.Logs.ServeHTTP(w, r)
}

// healthz answers while the process lives.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readyz answers 200 while new log requests are taken.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.requests.draining() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
