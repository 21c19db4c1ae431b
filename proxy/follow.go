package proxy

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// A follow answers one request with follow=true. Each upstream has a follower
// in a goroutine of its own; everything they find comes to the one goroutine
// that writes the response:
//
//	follower ──backlog──> merge.Sorter ─────┐ once, when all backlogs are there
//	follower ──blocks───> merge.Window ─────┼──> output
//	follower ──signals──> warnings ─────────┘
//
//	settle      until it is known whether there is anything to follow
//	gather      until all backlogs are there, or late; live lines wait
//	live        until the client leaves, the time is over or the process stops
type follow struct {
	*Handler
	request   Request
	followers []*follower
	left      []*follower // that have left before the end
	past      []Result    // of those of them that are forgotten
	group     errgroup.Group
	recorder  *statusRecorder
	out       *output
	sorter    *merge.Sorter
	window    merge.Window
	copies    *liveCopies

	blocks  chan arrived // followers block on it: this is the back-pressure
	signals chan *signal

	states   map[*follower]Result // as signalled last
	begun    bool                 // the status is sent
	early    []Result             // the upstreams as the header names them
	untold   [][]byte             // warnings that wait for it
	failures []Result             // that may yet be made up for by another upstream
	pending  int                  // backlogs that are not yet there
	waited   []arrived            // live lines that wait for the backlog
	waiting  int64                // bytes in waited
	floor    int64                // lines of the backlog below it were cut by the tail
	told     map[string]time.Time // inner warnings, by text
	late     map[*follower]int64  // lines that came after a later one was sent
}

// arrived is a block of live lines.
type arrived struct {
	from  *follower
	block *merge.Block
}

// maxWaiting bounds the lines of a follow that wait to be sent, in bytes.
const maxWaiting = 4 << 20

var (
	errBacklog  = errors.New("its backlog was not there within backlog_timeout")
	errFollowed = errors.New("the follow has lasted for follow_timeout")
	errStopping = errors.New("logmux is stopping")
)

// follow answers until ctx is done or the follow has come to its end.
//
// Stacks are most of what an idle follow costs, and the goroutines' shrink to
// what their frames take: what needs large ones is done in functions that return
// before the follow goes live.
func (h *Handler) follow(ctx context.Context, w *statusRecorder, r *Request) []Result {
	f := h.newFollow(ctx, w, r)
	defer f.sorter.Close()
	if len(f.followers) == 0 {
		refuse(w, r, http.StatusInternalServerError, nil)
		return nil
	}
	following, end := h.followContext(ctx, r.totalTimeout())
	defer end(nil)
	f.start(following)
	if status := f.settle(); status != http.StatusOK {
		stopping := context.Cause(following) == errStopping
		end(nil)
		return f.refuse(ctx, status, stopping)
	}
	f.begin()
	f.gather()
	f.sendBacklog()
	f.live(following)
	end(nil)
	return f.end()
}

// refuse ends a follow that has nothing to follow.
func (f *follow) refuse(ctx context.Context, status int, stopping bool) []Result {
	states := f.currentStates()
	results := f.drain()
	switch {
	case ctx.Err() != nil: // nobody is there to answer
	case stopping:
		f.out.w.Header().Set("Retry-After", "5")
		http.Error(f.out.w, errStopping.Error(), http.StatusServiceUnavailable)
	default:
		refuse(f.out.w, &f.request, status, states)
	}
	return results
}

// end sends what waits, and names in the trailer who failed since the header.
func (f *follow) end() []Result {
	results := f.drain()
	f.window.Flush(f.out.write)
	f.out.end()
	setFailedTrailer(f.out.w, f.early, results)
	return results
}

func (h *Handler) newFollow(ctx context.Context, w *statusRecorder, r *Request) *follow {
	clients := route(h.clients(ctx), *r)
	f := &follow{
		recorder: w,
		Handler:  h,
		request:  *r,
		out:      newOutput(w, h.WriteTimeout),
		sorter:   h.sorter(*r, clients),
		window:   merge.Window{Hold: h.reorderWindow(), Memory: maxWaiting},
		copies:   newLiveCopies(clients),
		blocks:   make(chan arrived),
		signals:  make(chan *signal),
		states:   make(map[*follower]Result, len(clients)),
		pending:  len(clients),
		floor:    math.MinInt64,
		late:     map[*follower]int64{},
	}
	if len(clients) == 1 && clients[0].Ordered {
		f.window.Hold = 0
	}
	for _, c := range clients {
		f.followers = append(f.followers, newFollower(c, *r, f))
	}
	return f
}

// followContext is done when the follow is to end: also when whoever asks waits no
// longer, if they say so.
func (h *Handler) followContext(ctx context.Context, callers time.Duration) (context.Context, context.CancelCauseFunc) {
	timeout := h.FollowTimeout
	if callers > 0 && (timeout <= 0 || callers < timeout) {
		timeout = callers
	}
	ctx, cancel := context.WithCancelCause(ctx)
	unstop, untime := func() bool { return true }, func() bool { return true }
	if timeout > 0 {
		untime = time.AfterFunc(timeout, func() { cancel(errFollowed) }).Stop
	}
	if h.Stopping != nil {
		unstop = context.AfterFunc(h.Stopping, func() { cancel(errStopping) })
	}
	return ctx, func(cause error) {
		unstop()
		untime()
		cancel(cause)
	}
}

// start starts the followers. They end when ctx is done, provided that blocks
// and signals are taken until then.
func (f *follow) start(ctx context.Context) {
	for _, from := range f.followers {
		ctx := from.leavable(ctx)
		f.group.Go(func() error {
			defer from.over.Store(true)
			if wait := f.backlogOf(ctx, from); sleep(ctx, wait) {
				from.live(ctx)
			}
			return nil
		})
	}
}

// backlogOf gathers one upstream's backlog, in the goroutine of its follower. It
// returns how long that is to wait before it goes live.
func (f *follow) backlogOf(ctx context.Context, from *follower) (wait time.Duration) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.backlogTimeout(), errBacklog)
	defer cancel()
	answering := func() { f.signals <- &signal{from: from, state: from.client.newResult(), settled: true} }
	wait = from.backlog(ctx, f.request, answering, func(b *merge.Block) error {
		f.copies.note(from, b)
		f.sorter.Add(from.place, b)
		return nil
	})
	f.signals <- &signal{from: from, state: from.result, settled: true, backlog: true}
	return wait
}

// settle returns the status, as soon as one upstream and every required one
// answers, or none can.
func (f *follow) settle() int {
	for {
		f.note(<-f.signals)
		answering, required := false, true
		for _, from := range f.followers {
			state, settled := f.states[from]
			answering = answering || state.Outcome == OK
			if settled && from.Required && state.Outcome == Failed && f.aloneOrSettled(from) && !f.made(from) {
				return http.StatusBadGateway
			}
			required = required && (!from.Required || settled && (state.Outcome != Failed || f.made(from)))
		}
		if answering && required || len(f.states) == len(f.followers) {
			return chooseStatus(f.currentStates())
		}
	}
}

// begin sends the status and an empty line: the gateway passes on its header
// only with the first byte of the body.
func (f *follow) begin() {
	f.begun, f.early = true, f.currentStates()
	f.out.begin(f.early, true)
	f.out.blank()
	for _, line := range f.untold {
		f.out.write(line)
	}
	f.untold = nil
	f.out.flush()
}

// gather waits for the backlogs; each has its deadline. Live lines that arrive
// meanwhile wait for them.
func (f *follow) gather() {
	silence := time.NewTimer(f.keepalive())
	defer silence.Stop()
	for f.pending > 0 {
		if f.out.err == nil {
			silence.Reset(max(f.keepalive()-time.Since(f.out.written), 0))
		}
		blocks := f.blocks
		if f.waiting > maxWaiting {
			blocks = nil
		}
		select {
		case a := <-blocks:
			f.waited = append(f.waited, a)
			f.waiting += int64(cap(a.block.Bytes))
		case s := <-f.signals:
			f.note(s)
			f.out.flush() // a warning is to be seen where it happened
		case <-silence.C:
			f.out.blank()
			if f.out.err != nil {
				silence.Stop() // the client is gone, and the backlogs end soon
			}
		}
	}
}

// sendBacklog sends the backlogs in order, and then what is to be said of them.
func (f *follow) sendBacklog() {
	f.emit(f.recorder, f.request, f.sorter, f.out)
	f.floor = f.sorter.Oldest()
	f.sorter.Close()
	for _, from := range f.followers {
		state := f.states[from]
		for _, line := range state.warnings {
			f.inner(line)
		}
		for _, note := range state.notes {
			f.inner(noteWarning(f.request, from.Name, note))
		}
	}
	for _, a := range f.waited {
		f.add(a)
	}
	f.waited = nil
}

// live sends lines as they become due.
func (f *follow) live(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	lookouts, stop := f.lookouts()
	defer stop()
	for f.out.err == nil {
		f.sendDue()
		timer.Reset(f.untilNext())
		select {
		case a := <-f.blocks:
			f.add(a)
			f.takeReady()
		case s := <-f.signals:
			f.note(s)
		case <-lookouts:
			f.lookOut(ctx)
		case <-timer.C:
			if time.Since(f.out.written) >= f.keepalive() {
				f.out.blank()
			}
		case <-ctx.Done():
			return
		}
	}
}

//go:noinline
func (f *follow) sendDue() {
	f.window.Due(time.Now(), f.out.write)
	f.out.flush()
}

// takeReady takes what else has arrived, so that it is sent in one piece. What
// is due goes into the output meanwhile: under a flood the memory is bounded.
func (f *follow) takeReady() {
	for range 64 {
		select {
		case a := <-f.blocks:
			f.add(a)
			f.window.Due(time.Now(), f.out.write)
		default:
			return
		}
	}
}

// untilNext is how long there is nothing to do unless something arrives.
func (f *follow) untilNext() time.Duration {
	wait := f.keepalive() - time.Since(f.out.written)
	if due, ok := f.window.Next(); ok {
		wait = min(wait, time.Until(due))
	}
	return max(wait, 0)
}

// drain takes what the followers still have, once they were told to end, and
// returns how each upstream ended.
func (f *follow) drain() []Result {
	done := make(chan struct{})
	go func() {
		_ = f.group.Wait() // failures are results, not errors
		close(done)
	}()
	for ended := false; !ended; {
		select {
		case a := <-f.blocks:
			f.add(a)
		case s := <-f.signals:
			f.report(s)
		case <-done:
			ended = true
		}
	}
	results := f.past
	for _, from := range slices.Concat(f.followers, f.left) {
		results = append(results, f.endOf(from))
	}
	return results
}

// endOf is how an upstream has ended the request.
func (f *follow) endOf(from *follower) Result {
	result := from.ended()
	result.Late = f.late[from]
	if slices.Contains(f.left, from) {
		result.Outcome, result.Failure = OK, nil // it was in order that it left
	}
	return result
}

// add takes live lines, but for what the tail has cut and what another upstream
// of the replica group has sent.
func (f *follow) add(a arrived) {
	end := f.states[a.from].read
	a.block.Keep(func(i int) bool {
		l := a.block.Lines[i]
		old := end.Messages > 0 && l.Key <= min(end.Highest, a.from.asOf)
		cut := f.request.Tail > 0 && old && (l.Key < f.floor || l.Key == f.floor && end.Lines >= int64(f.request.Tail))
		return !cut && !f.copies.redundant(a.from, l.Key, a.block.Line(i))
	})
	if n := len(a.block.Lines); n > 0 && f.Arrived != nil {
		f.Arrived(a.from.configured, time.Since(line.Time(a.block.Lines[n-1].Key)))
	}
	f.late[a.from] += f.window.Add(time.Now(), a.from.place, a.block)
}
