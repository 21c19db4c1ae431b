package proxy

import (
	"net/url"
	"time"
)

// base is what every exchange asks: whose logs. An upstream is never asked for
// less than is wanted of it, and every line is held to the request afterwards.
func (u *Upstream) base(r Request) url.Values {
	q := url.Values{"name": {r.Name}}
	if r.Namespace != "" {
		q.Set("namespace", r.Namespace)
	}
	if r.Instance != "" {
		q.Set("instance", r.Instance)
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
	if u.MaxLimit > 0 {
		return min(r.Tail, u.MaxLimit)
	}
	return r.Tail
}
