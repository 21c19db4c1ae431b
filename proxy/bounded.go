package proxy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// sorted answers a bounded request from upstreams whose order is not trusted,
// or the newest lines of any: everything is gathered, then sent in order.
func (h *Handler) sorted(ctx context.Context, w *statusRecorder, r Request, clients []*client) []Result {
	sorter := h.sorter(r, clients)
	defer sorter.Close()

	// The head of the answer goes out when all is there.
	reading, cancel := h.deadline(ctx, cmp.Or(r.headerTimeout(), r.totalTimeout()))
	defer cancel()
	results := ask(clients, func(_ int, c *client, answering func()) Result {
		opts := line.Options{Fill: true, BlockSize: blockSize(len(clients))}
		return c.collect(reading, r, opts, answering, func(b *merge.Block) error {
			sorter.Add(c.place, b)
			return nil
		})
	}).wait()
	if ctx.Err() != nil {
		return results // nobody is there to answer
	}
	if status := chooseStatus(results); status != http.StatusOK {
		refuse(w, &r, status, results)
		return results
	}
	out := newOutput(w, h.WriteTimeout)
	out.begin(results, false)
	h.emit(w, r, sorter, out)
	if h.warns(r) {
		for _, line := range warnings(r, results) {
			out.write(line)
		}
	}
	out.end()
	return results
}

// emit sends what was gathered, and says what could not be.
func (h *Handler) emit(w *statusRecorder, r Request, sorter *merge.Sorter, out *output) {
	missing, err := sorter.Emit(out.write)
	w.spilled = sorter.Spilled()
	w.note(missing, err, out)
	if !h.warns(r) {
		return
	}
	if missing != nil {
		out.write(missingWarning(r, missing, sorter.Copies != nil))
	}
	if err != nil && out.err == nil {
		out.write(warning(r, "the answer is incomplete: %v", err))
	}
}

// note remembers why lines that had arrived were not sent: for the operator,
// for the client may not be there or not want warnings.
func (s *statusRecorder) note(missing *merge.Missing, err error, out *output) {
	switch {
	case missing != nil:
		s.missing = fmt.Errorf("%d lines: %w", missing.Lines, missing.Err)
	case err != nil && out.err == nil:
		s.missing = err
	}
}

// sorter gathers what a request wants of the clients.
func (h *Handler) sorter(r Request, clients []*client) *merge.Sorter {
	return &merge.Sorter{
		Newest:     r.Tail,
		Memory:     h.memoryLimit(),
		Shared:     h.Shared,
		Copies:     copies(clients),
		SpillDir:   h.SpillDir,
		SpillLimit: h.SpillLimit,
	}
}

// blockSize is the size of the blocks that k upstreams read into, in bytes:
// large ones for speed, smaller ones where many upstreams each hold some.
func blockSize(k int) int {
	const all = 4 << 20
	return min(max(all/max(k, 1), 16<<10), 64<<10)
}
