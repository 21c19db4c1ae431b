package proxy

import (
	"slices"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// What a follow knows of its upstreams, and what it tells the client of them.
// All of it runs in the follow's own goroutine, but for the sink's methods.

// A signal is something that happened to a follower. It and the blocks are sent
// without a look at a context: whoever starts the followers takes what they send
// until the last has ended (see drain), so that nothing they have read is lost.
type signal struct {
	from    *follower
	state   Result // as it is now
	settled bool   // the upstream answers, or has ended without
	backlog bool   // its backlog is there
	failure *Failure
	warning []byte
}

// The follow is the sink of its followers, which call these in their goroutines.

func (f *follow) lines(from *follower, b *merge.Block) { f.blocks <- arrived{from, b} }

func (f *follow) warning(from *follower, warning []byte) {
	f.signals <- &signal{from: from, warning: warning}
}

func (f *follow) changed(from *follower) {
	f.signals <- &signal{from: from, state: from.result, settled: true, failure: from.result.Failure}
}

// note takes a signal into account.
func (f *follow) note(s *signal) {
	if (s.settled || s.failure != nil) && !slices.Contains(f.left, s.from) {
		backlog := f.states[s.from]
		if !s.backlog && backlog.Duration > 0 {
			// Its backlog stays known; only how the upstream is has changed.
			backlog.Outcome, backlog.Failure = s.state.Outcome, s.state.Failure
			s.state = backlog
		}
		f.states[s.from] = s.state
	}
	if s.backlog {
		f.pending--
	}
	if s.failure != nil && s.failure.Reason != reasonGone {
		f.failures = append(f.failures, s.state)
	}
	f.report(s)
	f.failures = slices.DeleteFunc(f.failures, func(failed Result) bool { return f.toldOf(&failed) })
	if s.warning != nil {
		f.inner(s.warning)
	}
}

// report tells the operator of a failure, whatever the client is told.
func (f *follow) report(s *signal) {
	if s.failure != nil && s.failure.Reason != reasonGone && f.Failing != nil {
		f.Failing(f.request, s.state.told())
	}
}

// toldOf tells of a failure, unless another of the replica group makes up for
// it. It reports false where that is not known yet.
func (f *follow) toldOf(failed *Result) bool {
	for _, from := range f.followers {
		if from.Name != failed.Upstream {
			continue
		}
		if made := f.made(from); !made && !f.aloneOrSettled(from) {
			return false
		} else if !made && f.warns(f.request) {
			f.tell(failureWarning(f.request, failed))
		}
	}
	return true
}

// made reports whether another of the upstream's replica group makes up for it.
func (f *follow) made(from *follower) bool {
	for other, state := range f.states {
		if other != from && other.ReplicaGroup != "" && other.ReplicaGroup == from.ReplicaGroup && state.Outcome == OK {
			return true
		}
	}
	return false
}

// again is how long a warning that an upstream repeats each time it is asked is
// not repeated to the client.
const again = time.Minute

// maxTold bounds the warnings that are remembered, and how much of each.
const maxTold = 200

// inner sends a warning of an inner logmux, unless it was sent a moment ago.
func (f *follow) inner(warning []byte) {
	if !f.warns(f.request) {
		return
	}
	// What a failure means for the answer differs, for a backlog and a follow.
	text, _, _ := strings.Cut(line.Text(warning), "; ")
	text = text[:min(len(text), maxTold)]
	if at, ok := f.told[text]; ok && time.Since(at) < again {
		return
	}
	if len(f.told) > maxTold {
		f.told = nil // rather twice than never
	}
	if f.told == nil {
		f.told = map[string]time.Time{}
	}
	f.told[text] = time.Now()
	f.tell(warning)
}

// currentStates are the results of the upstreams that have settled.
func (f *follow) currentStates() []Result {
	var states []Result
	for _, from := range f.followers {
		if state, ok := f.states[from]; ok {
			states = append(states, state)
		}
	}
	return states
}

// aloneOrSettled reports whether it is known if another of the upstream's
// replica group makes up for it.
func (f *follow) aloneOrSettled(from *follower) bool {
	for _, other := range f.followers {
		if _, settled := f.states[other]; from.ReplicaGroup != "" && other.ReplicaGroup == from.ReplicaGroup && !settled {
			return false
		}
	}
	return true
}

// tell sends a warning, or keeps it until there is a response to send it with.
func (f *follow) tell(line []byte) {
	if f.begun {
		f.out.write(line)
	} else {
		f.untold = append(f.untold, line)
	}
}
