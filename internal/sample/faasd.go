package sample

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Faasd answers as faasd does, which reads journalctl's output: sorted, in microseconds, since in whole
// seconds and ignored where it lies in the future. Its namespace is always filled, it ignores instance, a
// missing function is an empty answer, and a follow reads on in the journal.
type Faasd struct {
	// Store holds the journal, an instance being a PID. If nil, it is empty.
	Store *Store
	// Now is the provider's clock. If nil, it is the machine's.
	Now func() time.Time
	// Systemd is the version of journalctl: below 254, tail keeps the oldest lines of the window, and a
	// follow brings the lines that tail skipped when the next new one comes; from 254 on, tail keeps the
	// newest. If zero, it is 252.
	Systemd int
	// Loss is the probability that a bounded answer is short: 200 and a clean end, but the last lines are
	// missing. If zero, all are complete.
	Loss float64
	// Seed chooses which answers are short, and where.
	Seed uint64
	// Timeout ends an answer by breaking its chunking. If zero, there is none.
	Timeout time.Duration

	dice dice
}

const (
	journalWindow = 5 * time.Minute // without since
	journalText   = 4096            // bytes; a longer text becomes empty
	journalTail   = 254             // the systemd from which tail keeps the newest
)

func (d *Faasd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, d.Now, d.Timeout, d.open)
}

func (d *Faasd) open(ctx context.Context, q query) (iter.Seq[message], error) {
	v := d.Store.view(q.name)
	first, skipped := d.backlog(v, q)
	if !q.follow {
		first = d.lose(first)
	}
	return func(yield func(message) bool) {
		read := reader{query: q, yield: yield}
		if read.all(first) && q.follow {
			d.follow(ctx, &read, v, skipped)
		}
	}, nil
}

// backlog returns the lines of the window that tail lets through, and those a follow sends late.
func (d *Faasd) backlog(v view, q query) (first, skipped []entry) {
	now := clock(d.Now)
	start := now.Add(-journalWindow)
	if !q.since.IsZero() && q.since.Before(now) {
		start = q.since
	}
	start = start.Truncate(time.Second)
	for _, line := range journal(v.lines, q.namespace) {
		if !line.Time.Before(start) {
			first = append(first, line)
		}
	}
	slices.SortStableFunc(first, func(a, b entry) int {
		return cmp.Compare(a.Time.UnixMicro(), b.Time.UnixMicro())
	})
	if q.tail <= 0 || q.tail >= len(first) {
		return first, nil
	}
	if cmp.Or(d.Systemd, 252) >= journalTail {
		return first[len(first)-q.tail:], nil
	}
	return first[:q.tail], first[q.tail:]
}

// lose cuts lines off the end, as faasd does when journalctl exits before its output was read.
func (d *Faasd) lose(lines []entry) []entry {
	rng := d.dice.roll(d.Seed)
	if len(lines) == 0 || rng.Float64() >= d.Loss {
		return lines
	}
	return lines[:rng.IntN(len(lines))]
}

// follow sends what comes after v, behind what tail skipped.
func (d *Faasd) follow(ctx context.Context, read *reader, v view, skipped []entry) {
	for awaitChange(ctx, v.changed, 0) {
		seen := len(v.lines)
		of := v.of
		if v = d.Store.view(read.query.name); v.of != of {
			seen = 0
		}
		fresh := journal(v.lines[seen:], read.query.namespace)
		if len(fresh) == 0 {
			continue
		}
		if !read.all(skipped) || !read.all(fresh) {
			return
		}
		skipped = nil
	}
}

// journal returns the lines of a namespace.
func journal(lines []entry, namespace string) []entry {
	namespace = cmp.Or(namespace, defaultNamespace)
	var own []entry
	for _, line := range lines {
		if line.Namespace == namespace {
			own = append(own, line)
		}
	}
	return own
}

// A reader is faasd at the end of journalctl's pipe.
type reader struct {
	query query
	yield func(message) bool
}

// all sends lines. False means that the answer is over: faasd stops at an entry it cannot decode.
func (r *reader) all(lines []entry) bool {
	for _, line := range lines {
		text := line.Text
		switch {
		case len(text) > journalText:
			text = ""
		case !printable(text):
			return false
		}
		if !r.yield(message{
			Name:      r.query.name,
			Namespace: line.Namespace,
			Instance:  line.Instance,
			Timestamp: line.Time.UTC().Truncate(time.Microsecond),
			Text:      text,
		}) {
			return false
		}
	}
	return true
}

// printable reports whether journalctl writes text as a JSON string. What is no UTF-8 or holds a control
// character but tab and newline it writes as an array of bytes.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsControl(c) && c != '\t' && c != '\n'
	})
}
