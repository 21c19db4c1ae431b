package proxy

import (
	"net/url"
	"strconv"
	"time"
)

// query is what the upstream is asked for the sake of the request: never less
// than what is wanted of it. Every line is held to the request afterwards.
func (u *Upstream) query(r Request, now time.Time) url.Values {
	q := url.Values{"name": {r.Name}}
	if r.Namespace != "" {
		q.Set("namespace", r.Namespace)
	}
	if r.Instance != "" {
		q.Set("instance", r.Instance)
	}
	if !r.Since.IsZero() {
		q.Set("since", u.askSince(r.Since, now).UTC().Format(time.RFC3339Nano))
	}
	if n := u.askTail(r); n > 0 {
		q.Set("tail", strconv.Itoa(n))
	}
	return q
}

// askSince is the start to ask for. Providers answer a start that is in the
// future, by their clock, with nothing at all.
func (u *Upstream) askSince(since, now time.Time) time.Time {
	if since.After(now) {
		since = now
	}
	return since.Add(-u.SinceSlack)
}

// askTail is the tail to ask for, 0 for none.
func (u *Upstream) askTail(r Request) int {
	if u.TailMode == TailAll || r.Instance != "" && !u.HonoursInstance {
		return 0
	}
	return r.Tail
}
