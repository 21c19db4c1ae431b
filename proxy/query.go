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

// notAfter is the start to ask for in place of one in the future: providers
// answer such a one with nothing at all.
func notAfter(since, now time.Time) time.Time {
	if since.After(now) {
		return now
	}
	return since
}

// formatSince writes a start for a query. RFC 3339 has no years before 0.
func formatSince(since time.Time) string {
	if since.Year() < 1 {
		since = time.Time{}
	}
	return since.UTC().Format(time.RFC3339Nano)
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
