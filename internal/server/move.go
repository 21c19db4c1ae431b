package server

import (
	"net"
	"sync"
)

// A movable listens on one address and, when it was moved, on another.
type movable struct {
	mu      sync.Mutex
	current net.Listener
	closed  bool
}

// start listens on l, unless it was moved already: then l is the older one, and
// closed.
func (m *movable) start(l net.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current == nil && !m.closed {
		m.current = l
		return
	}
	l.Close()
}

func (m *movable) move(l net.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.current
	if m.closed && l != before {
		l.Close()
	}
	if m.closed || l == before {
		return
	}
	m.current = l
	if before != nil {
		before.Close() // wakes Accept
	}
}

func (m *movable) now() net.Listener {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

func (m *movable) Accept() (net.Conn, error) {
	for {
		l := m.now()
		conn, err := l.Accept()
		if err == nil || m.now() == l {
			return conn, err
		}
	}
}

func (m *movable) Addr() net.Addr { return m.now().Addr() }

func (m *movable) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.current.Close()
}
