package server

import "sync"

// requests counts those under way, so that the process can wait for them before
// it ends.
type requests struct {
	mu     sync.Mutex
	n      int
	closed bool
	done   chan struct{} // closed by the last one to leave once closed is set
}

// enter reports false when no more may.
func (r *requests) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.n++
	return true
}

func (r *requests) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n--
	if r.closed && r.n == 0 {
		close(r.done)
	}
}

// close lets no more in. It returns how many are left and a channel that is
// closed when none is.
func (r *requests) close() (left int, done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed, r.done = true, make(chan struct{})
		if r.n == 0 {
			close(r.done)
		}
	}
	return r.n, r.done
}

func (r *requests) draining() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
