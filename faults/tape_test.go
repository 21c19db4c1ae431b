//go:build linux

package faults_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A tape is what a follower has received. It is written while it is looked at.
type tape struct {
	mu       sync.Mutex
	lines    []string // without warnings and blank lines
	times    map[string]int
	failures []failure
	other    []string // warnings that tell of no failure
	err      error    // why it ended; nil if as it should, or not yet
	trailer  map[string]string

	ended chan struct{}
}

// A failure is an upstream's, as a warning or the handler tells of it.
type failure struct{ upstream, reason string }

// record reads the answer to a follow until it ends.
func record(resp *http.Response) *tape {
	r := &tape{times: map[string]int{}, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		defer resp.Body.Close()
		body := bufio.NewReader(resp.Body)
		for {
			line, err := body.ReadString('\n')
			if err == nil {
				err = r.take(line)
			}
			if err == io.EOF && line == "" {
				r.trailer = named(resp.Trailer)
				return
			}
			if err != nil {
				r.err = fmt.Errorf("after %d lines, at %q: %w", len(r.lines), line, err)
				return
			}
		}
	}()
	return r
}

func (r *tape) take(line string) error {
	if line == "\n" {
		return nil
	}
	m, err := decoded(line)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	said := failureText.FindStringSubmatch(m.Text)
	switch {
	case !m.isWarning():
		r.lines = append(r.lines, line)
		r.times[line]++
	case said != nil:
		r.failures = append(r.failures, failure{said[1], said[2]})
	default:
		r.other = append(r.other, m.Text)
	}
	return nil
}

// failed is how many failures it tells of.
func (r *tape) failed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures)
}

// failedUpstreams are those that it tells have failed.
func (r *tape) failedUpstreams() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := map[string]bool{}
	for _, f := range r.failures {
		failed[f.upstream] = true
	}
	return failed
}

// otherWarnings are those that tell of no failure.
func (r *tape) otherWarnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.other)
}

// lacks returns those of the lines that are not there.
func (r *tape) lacks(lines []heldLine) []heldLine {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(lines), func(l heldLine) bool { return r.times[l.wire] > 0 })
}

// onceEach holds the tape to the promise: every line is there once, and no
// other. Of what may be missing, a line is there once at most.
func (r *tape) onceEach(want *holdings, mayMiss func(heldLine) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing, twice := map[string]int{}, map[string]int{}
	var first string
	for _, l := range want.lines {
		switch n := r.times[l.wire]; {
		case n == 0 && !mayMiss(l):
			missing[want.upstreams[l.upstream]]++
		case n > 1:
			twice[want.upstreams[l.upstream]]++
		default:
			continue
		}
		if first == "" {
			first = l.wire
		}
	}
	if len(missing)+len(twice) > 0 {
		return fmt.Errorf("missing: %v, more than once: %v; the first is %s", missing, twice, first)
	}
	for _, line := range r.lines {
		if _, known := want.place[line]; !known {
			return fmt.Errorf("no upstream's line: %s", line)
		}
	}
	return nil
}

// disorder counts the lines of each upstream that stand behind a later one, of
// those that count.
func (r *tape) disorder(want *holdings, counts func(heldLine) bool) map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	disorder := map[string]int64{}
	var latest time.Time
	for _, line := range r.lines {
		l := want.lines[want.place[line]]
		switch {
		case !counts(l):
		case l.at.Before(latest):
			disorder[want.upstreams[l.upstream]]++
		default:
			latest = l.at
		}
	}
	return disorder
}
