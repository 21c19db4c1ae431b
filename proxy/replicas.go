package proxy

import (
	"math"
	"sync"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// copies tells the merge which upstreams hold the same lines; nil if none do.
func copies(clients []*client) *merge.Copies {
	groups := map[string]int{"": 0}
	c := &merge.Copies{}
	for _, up := range clients {
		group, known := groups[up.ReplicaGroup]
		if !known {
			group = len(groups)
			groups[up.ReplicaGroup] = group
		}
		for len(c.Group) <= up.place {
			c.Group = append(c.Group, 0)
		}
		c.Group[up.place] = group
	}
	if len(groups) == 1 {
		return nil
	}
	c.Identity = new(line.Identifier).Identity
	return c
}

// excuse marks the failed members of replica groups that have one that is ok:
// what they would have sent is there.
func excuse(results []Result) {
	ok := map[string]bool{}
	for i := range results {
		if r := &results[i]; r.group != "" && r.Outcome == OK {
			ok[r.group] = true
		}
	}
	for i := range results {
		r := &results[i]
		r.excused = r.Outcome == Failed && ok[r.group]
	}
}

// liveCopies recognises live lines that another upstream of the same replica
// group has sent. Copies may be seconds apart, so lines are remembered for a
// while, in bounded memory. The followers' backlogs are noted from several
// goroutines. A nil one recognises nothing.
type liveCopies struct {
	mu         sync.Mutex
	identifier line.Identifier
	members    map[string]int // by group
	lines      map[groupLine]*copyCount
	highest    int64
	tidy       int
}

type groupLine struct {
	group string
	id    uint64
}

type copyCount struct {
	key  int64
	sent int
	seen map[int]int // by the upstream's place
}

const (
	// Replicas that are further apart than this send a line twice.
	copiesSpan       = time.Minute
	maxCopies        = 20_000
	minTidyOfCopies  = 1_000
	copiesAfterSweep = maxCopies / 2
)

func newLiveCopies(clients []*client) *liveCopies {
	c := &liveCopies{members: map[string]int{}, lines: map[groupLine]*copyCount{}, highest: math.MinInt64, tidy: minTidyOfCopies}
	for _, up := range clients {
		if up.ReplicaGroup != "" {
			c.members[up.ReplicaGroup]++
		}
	}
	if len(c.members) == 0 {
		return nil
	}
	return c
}

// note remembers the lines of a backlog, which the sorter frees of copies.
func (c *liveCopies) note(from *follower, b *merge.Block) {
	if c == nil || from.ReplicaGroup == "" {
		return
	}
	for i, l := range b.Lines {
		c.redundant(from, l.Key, b.Line(i))
	}
}

// redundant reports whether a line was sent for another upstream already.
func (c *liveCopies) redundant(from *follower, key int64, bytes []byte) bool {
	if c == nil || from.ReplicaGroup == "" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := groupLine{from.ReplicaGroup, c.identifier.Identity(key, bytes)}
	l := c.lines[id]
	if l == nil {
		l = &copyCount{key: key, seen: map[int]int{}}
		c.lines[id] = l
	}
	l.seen[from.place]++
	redundant := l.seen[from.place] <= l.sent
	if !redundant {
		l.sent++
	}
	c.highest = max(c.highest, key)
	c.forget()
	return redundant
}

// forget keeps the lines of the last while, and of those the newest.
func (c *liveCopies) forget() {
	if len(c.lines) < c.tidy {
		return
	}
	for span := copiesSpan; ; span /= 2 {
		for id, l := range c.lines {
			if l.key < subtract(c.highest, span) {
				delete(c.lines, id)
			}
		}
		if len(c.lines) <= copiesAfterSweep {
			break
		}
		if span == 0 { // all of one instant
			clear(c.lines)
		}
	}
	c.tidy = max(2*len(c.lines), minTidyOfCopies)
}
