package server

import (
	"net"
	"net/http"
	"sync"
)

// connections are those that are open. Closing them here is closing them
// underneath TLS, whose own way may wait for the client.
type connections struct {
	mu   sync.Mutex
	era  int
	open map[*patientConn]http.ConnState
}

// changed is told by net/http what a connection does now. One that was accepted
// in an era before goes on no longer than its request.
func (cs *connections) changed(conn net.Conn, state http.ConnState) {
	c := patient(conn)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch {
	case state == http.StateClosed || state == http.StateHijacked:
		delete(cs.open, c)
	case state == http.StateIdle && c.era < cs.era:
		c.Conn.Close() // net/http reads from it next, and forgets it
	default:
		if cs.open == nil {
			cs.open = map[*patientConn]http.ConnState{}
		}
		cs.open[c] = state
	}
}

// begin is told of a new era, or of one that goes on.
func (cs *connections) begin(era int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.era = max(cs.era, era)
	for c, state := range cs.open {
		if state == http.StateIdle && c.era < cs.era {
			c.Conn.Close()
		}
	}
}

func (cs *connections) closeAll() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		c.Conn.Close()
	}
}
