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
	shared, slack := newOverlap(), a.SinceSlack
	start := a.early(from)
	for {
		shared.begin()
		repeated := shared.suppressed + shared.replayed
		page, err := a.exchangeLines(ctx, start, a.MaxLimit, shared.suppress(to))
		if err != nil || page.Sent() < int64(a.MaxLimit) {
			return err
		}
		last := line.Time(page.Highest)
		stuck := shared.suppressed+shared.replayed-repeated == page.Sent()
		switch {
		case page.Messages == 0 || stuck && last.Before(start):
			a.note("later lines may be missing: it answers the same whatever start it is asked for")
			return nil
		case stuck && start.Before(last):
			// The slack alone fills a page.
			slack, start = 0, last
		case !start.Before(last):
			// All of the page is of one instant, and the next would be the same page.
			a.note("lines at %s may be missing: it sends %d at most", last.Format(time.RFC3339Nano), a.MaxLimit)
			start = start.Add(1)
		default:
			start = last.Add(-slack)
		}
		shared.forget(line.Key(start))
	}
}
