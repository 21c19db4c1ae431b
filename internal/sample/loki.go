package sample

import (
	"cmp"
	"context"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Loki answers as openfaas-loki does, which asks Loki forward in time: tail keeps the oldest lines of the
// window (100 without it), the streams come unsorted, and lines of one instant in an order that changes from
// request to request. It honours instance and since exactly, ignores namespace and follow, and hides every
// error of Loki, and a missing function, behind 200 and nothing. Lines later than its clock are not found.
type Loki struct {
	// Store holds the streams, one for each instance and namespace. If nil, there are none.
	Store *Store
	// Now is the provider's clock. If nil, it is the machine's.
	Now func() time.Time
	// MaxLimit is the largest tail that Loki takes; above it the answer is empty. If zero, it is 5000.
	MaxLimit int
	// MaxQueryLength is the age of the oldest since that Loki takes; beyond it the answer is empty. If zero, it is 30 days.
	MaxQueryLength time.Duration
	// Interleave mixes the streams' lines at random. If false, streams come as blocks in a random order.
	Interleave bool
	// Seed chooses among the random orders; each request gets another one.
	Seed uint64

	dice dice
}

const (
	lokiWindow         = time.Hour // without since
	lokiLimit          = 100       // without tail
	lokiMaxLimit       = 5000
	lokiMaxQueryLength = 30 * 24 * time.Hour
)

func (l *Loki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, l.Now, 0, l.open)
}

func (l *Loki) open(_ context.Context, q query) (iter.Seq[message], error) {
	rng := l.dice.roll(l.Seed)
	streams := l.find(rng, q)
	return func(yield func(message) bool) {
		for line := range weave(rng, streams, l.Interleave) {
			if !yield(lokiMessage(q, line)) {
				return
			}
		}
	}, nil
}

// find returns the streams in a random order, cut to what is asked.
func (l *Loki) find(rng *rand.Rand, q query) []stream {
	now, start, limit := clock(l.Now), q.since, q.tail
	if start.IsZero() {
		start = now.Add(-lokiWindow)
	}
	if limit <= 0 {
		limit = lokiLimit
	}
	if limit > cmp.Or(l.MaxLimit, lokiMaxLimit) || now.Sub(start) > cmp.Or(l.MaxQueryLength, lokiMaxQueryLength) || start.After(now) {
		return nil
	}
	var streams []stream
	for _, s := range l.Store.view(q.name).streams {
		if q.instance == "" || s.instance == q.instance {
			streams = append(streams, s.cut(s.since(start), s.since(now.Add(1))))
		}
	}
	shuffle(rng, streams)
	return oldest(streams, limit)
}

// oldest cuts the streams to the oldest limit lines of all. Of equal times, the first stream's goes first.
func oldest(streams []stream, limit int) []stream {
	taken := make([]int, len(streams))
	for range limit {
		first := -1
		for i, s := range streams {
			if taken[i] < s.len() && (first < 0 || s.at(taken[i]).Time.Before(streams[first].at(taken[first]).Time)) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		taken[first]++
	}
	cut := slices.Clone(streams)
	for i := range cut {
		cut[i] = cut[i].cut(0, taken[i])
	}
	return cut
}

func lokiMessage(q query, line entry) message {
	instance := line.Instance
	if strings.Contains(instance, ",") { // openfaas-loki splits the labels at their commas
		instance = ""
	}
	return message{Name: q.name, Instance: instance, Timestamp: line.Time.UTC(), Text: line.Text}
}
