package proxy

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// streamed answers a bounded request for all lines from upstreams that are all
// ordered: lines are sent while they arrive, a few blocks of each are held.
func (h *Handler) streamed(ctx context.Context, w http.ResponseWriter, r Request, clients []*client) []Result {
	// Ends the upstreams when the client is gone; what has arrived by the
	// deadline, on the other hand, is still to be sent.
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	reading, cancel := h.deadline(ctx, r.totalTimeout())
	defer cancel()

	blocks := make([]chan *merge.Block, len(clients))
	for i := range blocks {
		blocks[i] = make(chan *merge.Block, 1)
	}
	fan := ask(clients, func(i int, c *client, answering func()) Result {
		to := blocks[i]
		defer close(to) // after the only sender's last
		opts := line.Options{BlockSize: blockSize(len(clients))}
		reading, begun, end := beginWithin(reading, r.headerTimeout())
		defer end()
		return c.collect(reading, r, opts, func() { begun(); answering() }, func(b *merge.Block) error {
			select {
			case to <- b:
				return nil
			case <-ctx.Done():
				b.Free()
				return context.Cause(ctx)
			}
		})
	})
	early := fan.settle()
	if status := chooseStatus(early); status != http.StatusOK || ctx.Err() != nil {
		hangUp()
		results := fan.wait()
		if status != http.StatusOK {
			refuse(w, &r, status, early)
		}
		return results
	}
	out := newOutput(w, h.WriteTimeout)
	out.begin(early, true)
	err := merge.Ordered(out.write, sources(blocks, out)...)
	if err != nil {
		hangUp()
	}
	results := fan.wait()
	excuse(results)
	if err == nil && h.warns(r) {
		for _, line := range warnings(r, results) {
			out.write(line)
		}
	}
	out.end()
	setFailedTrailer(w, early, results)
	return results
}

// patience is how long lines wait in the buffer for more to go with them when
// an upstream has nothing ready.
const patience = 2 * time.Millisecond

// sources are the blocks that arrive by the channels. When one is awaited for
// long, the client gets what there is so far.
func sources(blocks []chan *merge.Block, out *output) []merge.Source {
	sources := make([]merge.Source, len(blocks))
	timer := time.NewTimer(patience)
	for i, arriving := range blocks {
		sources[i] = func() *merge.Block {
			select {
			case b := <-arriving:
				return b
			default:
			}
			timer.Reset(patience)
			select {
			case b := <-arriving:
				return b
			case <-timer.C:
			}
			out.flush() // its error is kept, and the next write returns it
			return <-arriving
		}
	}
	return sources
}

// setFailedTrailer names the upstreams that failed after the header, which
// named those that had failed early.
func setFailedTrailer(w http.ResponseWriter, early, results []Result) {
	w.Header().Del(headerFailed)
	setOutcomes(w.Header(), slices.DeleteFunc(slices.Clone(results), func(r Result) bool {
		return r.Outcome != Failed || r.Failure.Reason == reasonGone || slices.ContainsFunc(early, func(e Result) bool {
			return e.Upstream == r.Upstream && e.Outcome == Failed
		})
	}))
}
