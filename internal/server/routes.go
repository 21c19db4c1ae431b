package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// shutdownRetryAfter is about as long as a replacement takes to be ready.
	shutdownRetryAfter = 5 * time.Second

	// maxRetryAfter keeps a client that is turned away from staying away.
	maxRetryAfter = 30 * time.Second

	// maxQuery bounds the query of a log request, in bytes. A longest one that
	// makes sense is far below.
	maxQuery = 8 << 10
)

// What follows keeps its frames small, for they are on the stack of every idle
// follow: who answers is found in functions that have returned by then.

// serveHTTP lets whoever it is for answer.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Of logmux's own, no answer waits for a body.
		w.Header().Set("Connection", "close")
		defer linger(w)
	}
	s.find(r)(w, r)
}

// find finds who answers. http.ServeMux would redirect what is not clean, and a
// passthrough has to hand it on as it is.
//
//go:noinline
func (s *Server) find(r *http.Request) http.HandlerFunc {
	switch r.URL.Path {
	case "/healthz":
		return only(s.healthz, http.MethodGet, http.MethodHead)
	case "/readyz":
		return only(s.readyz, http.MethodGet, http.MethodHead)
	}
	return s.serveSite
}

// serveSite answers by the current site, to those who may ask.
func (s *Server) serveSite(w http.ResponseWriter, r *http.Request) {
	site := s.sites.enter()
	if site == nil {
		unavailable(w, errUnready, shutdownRetryAfter)
		return
	}
	defer s.sites.leave(site)
	s.admit(site, r)(w, r)
}

// admit finds who answers a request at the site, or refuses it.
//
//go:noinline
func (s *Server) admit(site *tenure, r *http.Request) http.HandlerFunc {
	if conn, ok := r.Context().Value(connKey{}).(*patientConn); ok {
		conn.timeout.Store(int64(site.writeTimeout()))
	}
	switch {
	case site.TLS != nil && r.TLS == nil:
		return insecure
	case site.Authorized != nil && !site.Authorized(r):
		return s.unauthorized
	}
	return s.route(site, r)
}

// insecure refuses what comes by a connection from before there was TLS.
func insecure(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	http.Error(w, "only HTTPS is served here", http.StatusBadRequest)
}

func (s *Server) unauthorized(w http.ResponseWriter, r *http.Request) {
	s.Logger.Debug("refused: wrong or no credentials", "path", r.URL.Path, "client", r.RemoteAddr)
	w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
	http.Error(w, "invalid credentials", http.StatusUnauthorized)
}

func (s *Server) route(site *tenure, r *http.Request) http.HandlerFunc {
	switch path := r.URL.Path; {
	case path == "/metrics" && s.Metrics != nil:
		return only(s.Metrics.ServeHTTP, http.MethodGet)
	case path == "/system/logs" && site.Logs != nil:
		return only(s.logs(site), http.MethodGet)
	case path == "/-/reload" && site.ReloadEndpoint && s.Reload != nil:
		return only(s.drained(s.reload), http.MethodPost)
	case site.Passthrough != nil:
		return s.drained(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Del("Connection")
			site.Passthrough.ServeHTTP(w, r)
		})
	}
	return http.NotFound
}

// only refuses other methods.
func only(next http.HandlerFunc, methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			allow := strings.Join(methods, ", ")
			w.Header().Set("Allow", allow)
			http.Error(w, "only "+allow+" is served here", http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	}
}

// drained counts requests that a shutdown waits for, and refuses those that
// come after its beginning.
func (s *Server) drained(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.requests.enter() {
			unavailable(w, errStopping, shutdownRetryAfter)
			return
		}
		defer s.requests.leave()
		next(w, r)
	}
}

// logs serves a log request when it is its turn.
func (s *Server) logs(site *tenure) http.HandlerFunc {
	return s.drained(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RawQuery) > maxQuery {
			http.Error(w, fmt.Sprintf("the query is longer than %d bytes", maxQuery), http.StatusRequestURITooLong)
			return
		}
		if r.ContentLength != 0 {
			defer discard(w, r)()
		}
		switch err := s.limit.enter(r.Context(), site.MaxQueueWait); {
		case err == nil:
			defer s.limit.leave()
			site.Logs.ServeHTTP(w, r)
		case errors.Is(err, errStopping):
			unavailable(w, err, shutdownRetryAfter)
		case errors.Is(err, errBusy):
			unavailable(w, err, site.MaxQueueWait)
		default: // the client left
			panic(http.ErrAbortHandler)
		}
	})
}

// reload reads the config anew. The error is for the one who asked for it.
func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	if err := s.Reload(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, "reloaded")
}

// unavailable asks a client to come again.
func unavailable(w http.ResponseWriter, why error, after time.Duration) {
	after = min(max(after, time.Second), maxRetryAfter)
	seconds := int((after + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, why.Error(), http.StatusServiceUnavailable)
}

// healthz answers while the process lives.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

var errUnready = errors.New("no config is loaded yet")

// readyz answers 200 while new requests are taken.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	site := s.sites.enter()
	defer s.sites.leave(site)
	switch {
	case s.requests.draining():
		unavailable(w, errStopping, shutdownRetryAfter)
	case site == nil:
		unavailable(w, errUnready, shutdownRetryAfter)
	default:
		fmt.Fprintln(w, "ok")
	}
}
