package server

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"sync"
	"time"
)

// A Site is what is served under one config. Swap replaces it by another as a
// whole: requests under way finish on theirs. It must not be changed once it
// was swapped in. The zero Site answers 404 to everything but /metrics and the
// health checks.
type Site struct {
	// Logs serves GET /system/logs. If nil, that is a path as any other.
	Logs http.Handler

	// Passthrough serves every path but logmux's own, with any method. If nil,
	// they are answered 404. See the type of this name.
	Passthrough http.Handler

	// TLS gives the config of the next connection, and is asked for each; it
	// should return the same one until something changed. It may be used until
	// the connection ends, even if that is after Close. Connections are HTTP/1.1
	// over TLS 1.2 at least, whatever it says. An error closes the connection.
	// If TLS is nil, connections are plain.
	TLS func() (*tls.Config, error)

	// Authorized says who may use everything but /healthz and /readyz. The
	// others are asked for a user and password. If nil, everyone may.
	Authorized func(*http.Request) bool

	// ReloadEndpoint says that POST /-/reload is served. If false, that is a
	// path as any other.
	ReloadEndpoint bool

	// MaxRequests is how many log requests are served at once, followers
	// included. Those of the sites before count. If zero, there is no limit.
	MaxRequests int

	// MaxQueueWait is how long one more log request waits for its turn before
	// it is answered 503. If zero, it does not wait.
	MaxQueueWait time.Duration

	// WriteTimeout is how long a client may take nothing of what is written to
	// it before it is cut off. If zero, 30 s.
	WriteTimeout time.Duration

	// ShutdownTimeout is how long requests under way may take to finish when
	// the server stops. If zero, they are cut off at once.
	ShutdownTimeout time.Duration

	// Close, if not nil, is called once: after the site was swapped out, or Run
	// has ended, and its last request has ended too. Whoever brought the end
	// waits for it, so it should not take long.
	Close func()
}

const defaultWriteTimeout = 30 * time.Second

func (s *Site) writeTimeout() time.Duration { return cmp.Or(s.WriteTimeout, defaultWriteTimeout) }

// sites holds the site that is served now. Of those before, each request under
// way holds its own.
type sites struct {
	mu      sync.Mutex
	current *tenure // nil: none yet, or none any more
	ended   bool
}

// A tenure is the time for which one site is served.
type tenure struct {
	Site
	era   int  // a higher one began where connections of the sites before must not go on
	users int  // requests that hold it; guarded by sites.mu
	over  bool // guarded by sites.mu
}

// enter takes the current site for one request, or returns nil. It must be left.
func (s *sites) enter() *tenure {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.users++
	}
	return s.current
}

func (s *sites) leave(t *tenure) {
	if t == nil {
		return
	}
	s.mu.Lock()
	t.users--
	unused := t.over && t.users == 0
	s.mu.Unlock()
	if unused {
		t.close()
	}
}

// swap makes site the current one and returns the era it is served in.
func (s *sites) swap(site *Site) (era int) {
	next := &tenure{Site: *site}
	s.mu.Lock()
	out := s.current
	if s.ended {
		out = next
	} else {
		next.follow(out)
		s.current = next
	}
	s.mu.Unlock()
	s.retire(out)
	return next.era
}

// end makes none the current one, for good.
func (s *sites) end() {
	s.mu.Lock()
	out := s.current
	s.current, s.ended = nil, true
	s.mu.Unlock()
	s.retire(out)
}

// follow begins an era where a connection may have been made by other rules:
// without TLS, or without the client's certificate.
func (t *tenure) follow(before *tenure) {
	if before != nil {
		t.era = before.era
	}
	if t.TLS != nil || before != nil && before.TLS != nil {
		t.era++
	}
}

// retire ends the tenure of a site that is not the current one.
func (s *sites) retire(t *tenure) {
	if t == nil {
		return
	}
	s.mu.Lock()
	t.over = true
	unused := t.users == 0
	s.mu.Unlock()
	if unused {
		t.close()
	}
}

func (t *tenure) close() {
	if t.Close != nil {
		t.Close()
	}
}
