package sample

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// Static answers as faas-provider's static example does: three lines for any function, whatever is asked,
// in an answer that never ends before the client leaves, bounded or not.
type Static struct {
	// Now is the provider's clock, read once for each line. If nil, it is the machine's.
	Now func() time.Time
}

func (s *Static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, nil, 0, s.open)
}

func (s *Static) open(ctx context.Context, q query) (iter.Seq[message], error) {
	return func(yield func(message) bool) {
		for _, text := range []string{"msg1", "msg2", "something interesting"} {
			if !yield(message{
				Name:      q.name,
				Namespace: q.namespace,
				Instance:  "fake",
				Timestamp: clock(s.Now).UTC(),
				Text:      text,
			}) {
				return
			}
		}
		<-ctx.Done()
	}, nil
}
