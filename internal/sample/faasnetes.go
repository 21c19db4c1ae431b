package sample

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// FaasNetes answers as faas-netes does, which reads each pod's log from Kubernetes: unsorted over the pods,
// tail for each pod, since in whole seconds. Its namespace is always empty, its texts end in a newline, it
// ignores instance, and a function without pods is a 500.
type FaasNetes struct {
	// Store holds the pods' lines, an instance being a pod. If nil, there are none.
	Store *Store
	// Now is the provider's clock. If nil, it is the machine's.
	Now func() time.Time
	// Interleave mixes the pods' lines at random. If false, pods come as blocks in a random order.
	Interleave bool
	// Seed chooses among the random orders; each request gets another one.
	Seed uint64
	// Pods say what is special about a pod, by its name.
	Pods map[string]Pod
	// Timeout ends an answer by breaking its chunking. If zero, there is none.
	Timeout time.Duration

	dice dice
}

// A Pod is how Kubernetes treats one pod's log.
type Pod struct {
	// Failing makes the call for the pod's log fail: its lines are silently missing.
	Failing bool
	// Stuck leaves the pod's lines out and holds a bounded answer open behind the other pods', until the
	// timeout or the client ends it.
	Stuck bool
	// Lag is how long after Append a follow gets the pod's lines, by the machine's clock.
	Lag time.Duration
}

// netesWindow is how far back faas-netes looks when neither tail nor since is given.
const netesWindow = 5 * time.Minute

func (f *FaasNetes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, f.Now, f.Timeout, f.open)
}

func (f *FaasNetes) open(ctx context.Context, q query) (iter.Seq[message], error) {
	v := f.Store.view(q.name)
	if len(v.in(q.namespace)) == 0 {
		return nil, errors.New("no matching instances found")
	}
	follow := netesFollow{FaasNetes: f, query: q, rng: f.dice.roll(f.Seed)}
	return func(yield func(message) bool) {
		due, ok := follow.send(v, yield)
		for ok && q.follow && awaitChange(ctx, v.changed, due) {
			v = f.Store.view(q.name)
			due, ok = follow.send(v, yield)
		}
		if ok && f.anyStuck(v.in(q.namespace)) {
			<-ctx.Done()
		}
	}, nil
}

// first returns the index of the line that a pod's answer starts with. False means that Kubernetes refuses
// the call, as it does for a since of less than a second.
func (f *FaasNetes) first(pod stream, q query) (int, bool) {
	if special := f.Pods[pod.instance]; special.Failing || special.Stuck {
		return 0, false
	}
	first := 0
	if q.tail <= 0 || !q.since.IsZero() {
		now, window := clock(f.Now), netesWindow
		if !q.since.IsZero() {
			window = now.Sub(q.since).Truncate(time.Second)
		}
		if window < time.Second {
			return 0, false
		}
		first = pod.since(now.Add(-window))
	}
	if q.tail > 0 {
		first = max(first, pod.len()-q.tail)
	}
	return first, true
}

func (f *FaasNetes) anyStuck(pods []stream) bool {
	for _, pod := range pods {
		if f.Pods[pod.instance].Stuck {
			return true
		}
	}
	return false
}

// A netesFollow is one request and how far it has sent each pod's lines. A bounded one sends once.
type netesFollow struct {
	*FaasNetes
	query query
	rng   *rand.Rand
	of    *function
	next  map[string]int // by pod, its first line not sent, or refused
}

// refused stands for a pod whose log call failed: it is not asked again.
const refused = -1

// send yields what is new and due of all pods, and returns in how long more will be (zero if none waits).
// False means that the reader has stopped.
func (n *netesFollow) send(v view, yield func(message) bool) (due time.Duration, ok bool) {
	if n.next == nil || n.of != v.of {
		n.of, n.next = v.of, make(map[string]int)
	}
	var ready []stream
	for _, pod := range v.in(n.query.namespace) {
		fresh, wait := n.fresh(pod)
		ready = append(ready, fresh)
		if due == 0 || 0 < wait && wait < due {
			due = wait
		}
	}
	shuffle(n.rng, ready)
	for line := range weave(n.rng, ready, n.Interleave) {
		if !yield(n.message(line)) {
			return 0, false
		}
	}
	return due, true
}

// fresh returns the lines of a pod that are to be sent now, and in how long the next one is.
func (n *netesFollow) fresh(pod stream) (ready stream, wait time.Duration) {
	next, known := n.next[pod.instance]
	if !known {
		var ok bool
		if next, ok = n.first(pod, n.query); !ok {
			next = refused
		}
		n.next[pod.instance] = next
	}
	if next == refused {
		return pod.cut(0, 0), 0
	}
	end := pod.len()
	if known {
		end, wait = n.due(pod, next)
	}
	n.next[pod.instance] = end
	return pod.cut(next, end), wait
}

// due returns where, from next on, the lines end that the pod's lag lets through, and the first other one's wait.
func (n *netesFollow) due(pod stream, next int) (end int, wait time.Duration) {
	lag := n.Pods[pod.instance].Lag
	for end = next; end < pod.len(); end++ {
		if wait := time.Until(pod.at(end).arrived.Add(lag)); lag > 0 && wait > 0 {
			return end, wait
		}
	}
	return end, 0
}

func (n *netesFollow) message(line entry) message {
	return message{
		Name:      n.query.name,
		Instance:  line.Instance,
		Timestamp: line.Time.UTC(),
		Text:      strings.TrimSuffix(line.Text, "\n") + "\n",
	}
}
