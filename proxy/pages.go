package proxy

import (
	"context"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// pages takes everything from a provider that caps its answers and gives the
// oldest lines first: page by page, each from the last timestamp of the one
// before. What two pages share is passed on once.
func (a *asking) pages(ctx context.Context, from time.Time, to sink) error {
	shared := newOverlap()
	for {
		shared.begin()
		page, err := a.exchangeLines(ctx, from, a.MaxLimit, shared.suppress(to))
		if err != nil || page.Sent() < int64(a.MaxLimit) {
			return err
		}
		next := line.Time(page.Highest)
		switch {
		case page.Messages == 0 || next.Before(from.Add(-a.SinceSlack)):
			a.note("later lines may be missing: it answers the same whatever start it is asked for")
			return nil
		case !from.IsZero() && !next.After(from):
			// All of the page is of one instant, and the next would be the same page.
			a.note("lines at %s may be missing: it sends %d at most", next.Format(time.RFC3339Nano), a.MaxLimit)
			next = from.Add(1)
		}
		from = next
		shared.forget(line.Key(from.Add(-a.SinceSlack)))
	}
}
