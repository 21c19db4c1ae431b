package proxy

import (
	"math"
	"sync"

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
// group has sent. Copies may be far apart, when one catches up, so lines are
// remembered in bounded memory. The followers' backlogs are noted from several
// goroutines. A nil one recognises nothing.
type liveCopies struct {
	mu         sync.Mutex
	identifier line.Identifier
	counts     map[copyCount]counted
	highest    int64
}

// A copyCount is what is counted: how often a line was sent for a group, or seen
// from an upstream of it.
type copyCount struct {
	id    uint64
	group string    // empty where
	from  *follower // it is an upstream's
}

type counted struct {
	key   int64
	times int
}

// maxCopies is how many counts are kept, of up to 100 bytes each.
const maxCopies = 200_000

func newLiveCopies(clients []*client) *liveCopies {
	for _, up := range clients {
		if up.ReplicaGroup != "" {
			return &liveCopies{counts: map[copyCount]counted{}, highest: math.MinInt64}
		}
	}
	return nil
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
	id := c.identifier.Identity(key, bytes)
	seen, sent := copyCount{id: id, from: from}, copyCount{id: id, group: from.ReplicaGroup}
	times := c.counts[seen].times + 1
	c.counts[seen] = counted{key, times}
	c.highest = max(c.highest, key)
	c.forget()
	if times <= c.counts[sent].times {
		return true
	}
	c.counts[sent] = counted{key, times}
	return false
}

// forget keeps the counts bounded: the older half of the time they span goes.
func (c *liveCopies) forget() {
	if len(c.counts) < maxCopies {
		return
	}
	lowest := c.highest
	for _, n := range c.counts {
		lowest = min(lowest, n.key)
	}
	middle := lowest + int64(uint64(c.highest-lowest)/2)
	for what, n := range c.counts {
		if n.key <= middle {
			delete(c.counts, what)
		}
	}
}
