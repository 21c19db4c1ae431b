package proxy

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// A fanout is one request under way at several upstreams, each in a goroutine
// of its own. One that fails cancels no other.
type fanout struct {
	clients []*client
	group   errgroup.Group // zero: without a context that the first error ends

	// Each upstream settles once: when it begins to answer, or ends without.
	settled []chan struct{}
	early   []Result // by upstream, as it settled; read after settled
	results []Result // by upstream; read after wait
}

// ask starts the upstreams. Each calls answering when it has an answer to read.
func ask(clients []*client, collect func(i int, c *client, answering func()) Result) *fanout {
	f := &fanout{
		clients: clients,
		settled: make([]chan struct{}, len(clients)),
		early:   make([]Result, len(clients)),
		results: make([]Result, len(clients)),
	}
	for i, c := range clients {
		f.settled[i] = make(chan struct{})
		f.group.Go(func() error {
			answered := false
			f.results[i] = collect(i, c, func() {
				answered = true
				f.early[i] = c.newResult()
				close(f.settled[i])
			})
			if !answered {
				f.early[i] = f.results[i]
				close(f.settled[i])
			}
			return nil
		})
	}
	return f
}

// wait returns how each upstream ended, once all have.
func (f *fanout) wait() []Result {
	_ = f.group.Wait() // failures are results, not errors
	return f.results
}

// settle returns, once it is known, how each upstream begins: one that begins
// to answer counts as ok.
func (f *fanout) settle() []Result {
	for _, settled := range f.settled {
		<-settled
	}
	return f.early
}

// deadline gives ctx the time for a whole bounded request: the handler's, or
// that of the instance which asks if it is shorter.
func (h *Handler) deadline(ctx context.Context, callers time.Duration) (context.Context, context.CancelFunc) {
	timeout, cause := h.timeout(), errTotal
	if callers > 0 && callers < timeout {
		timeout, cause = callers, errCaller
	}
	return context.WithTimeoutCause(ctx, timeout, cause)
}
