//go:build linux

package faults_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// holdings are the lines that the upstreams have for a function, in the one
// right order.
type holdings struct {
	upstreams []string
	lines     []heldLine
	place     map[string]int // of each in lines
}

type heldLine struct {
	wire     string
	at       time.Time
	upstream int
}

// hold takes what the providers have now, from a time on.
func hold(function string, since time.Time, providers []*provider) *holdings {
	h := &holdings{place: map[string]int{}}
	for i, p := range providers {
		h.upstreams = append(h.upstreams, p.name)
		for _, line := range p.held(function, since) {
			h.lines = append(h.lines, heldLine{line, decode(line).Timestamp, i})
		}
	}
	slices.SortFunc(h.lines, func(a, b heldLine) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.upstream, b.upstream))
	})
	for i, l := range h.lines {
		h.place[l.wire] = i
	}
	return h
}

// from returns the holdings from a time on.
func (h *holdings) from(since time.Time) []heldLine {
	first, _ := slices.BinarySearchFunc(h.lines, since, func(l heldLine, since time.Time) int { return l.at.Compare(since) })
	return h.lines[first:]
}

// completeOrNamed holds a bounded answer to the promise: of each upstream all is
// there that was asked for, or it is named as failed, in the header or trailer
// and in a warning. What is there is in order, once, and wanted.
func (h *holdings) completeOrNamed(r request, a *answer) error {
	if a.status != http.StatusOK && len(a.failed) == len(h.upstreams) {
		return nil // there is nothing, and all are named
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("status %d: %.300s", a.status, a.body)
	}
	if !maps.Equal(a.failed, a.warned) {
		return fmt.Errorf("failed by the header and trailer: %v, by the warnings: %v", a.failed, a.warned)
	}
	if len(a.warnings) > 0 {
		return fmt.Errorf("warnings: %q", a.warnings)
	}
	there, err := h.inOrder(r, a)
	if err != nil {
		return err
	}
	return h.nothingMissing(r, a, there)
}

// inOrder checks what is there, and returns which lines are.
func (h *holdings) inOrder(r request, a *answer) (there map[int]bool, err error) {
	if r.tail > 0 && len(a.lines) > r.tail {
		return nil, fmt.Errorf("%d lines, %d were wanted", len(a.lines), r.tail)
	}
	there = make(map[int]bool, len(a.lines))
	cut := map[string]bool{} // such a line has the time of the one before, which may not be wanted
	previous, before := -1, time.Time{}
	for i, line := range a.lines {
		m := decode(line)
		place, known := h.place[line]
		switch {
		case m.Timestamp.Before(before):
			return nil, fmt.Errorf("line %d is earlier than %v: %s", i, before, line)
		case known && m.Timestamp.Before(r.since):
			return nil, fmt.Errorf("line %d is earlier than was asked for: %s", i, line)
		case !known && (cut[m.Instance] || !h.isCut(m, a)):
			return nil, fmt.Errorf("line %d is no upstream's: %s", i, line)
		case !known:
			cut[m.Instance] = true
		case place <= previous:
			return nil, fmt.Errorf("line %d is there twice, or stands behind one of a later upstream: %s", i, line)
		default:
			previous = place
			there[place] = true
		}
		before = m.Timestamp
	}
	return there, nil
}

// isCut reports whether a message is the beginning of a line of an upstream that
// has failed there.
func (h *holdings) isCut(m message, a *answer) bool {
	return a.failed[m.Instance] != "" && m.Text != "" && slices.ContainsFunc(h.lines, func(l heldLine) bool {
		return h.upstreams[l.upstream] == m.Instance && strings.HasPrefix(l.wire, m.Text)
	})
}

// nothingMissing checks that what is not there is a failed upstream's, or cut
// off by the tail.
func (h *holdings) nothingMissing(r request, a *answer, there map[int]bool) error {
	full := r.tail > 0 && len(a.lines) == r.tail
	wanted := h.from(r.since)
	missing := map[string]int{}
	begun := !full // a line is there that is not cut off
	for i, l := range wanted {
		here := there[len(h.lines)-len(wanted)+i]
		begun = begun || here
		if name := h.upstreams[l.upstream]; begun && !here && a.failed[name] == "" {
			missing[name]++
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("lines are missing of upstreams that are not said to have failed: %v (failed: %v)", missing, a.failed)
	}
	return nil
}
