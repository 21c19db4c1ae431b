package proxy

import (
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
