package sample

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A message is one line of an answer; the order of its fields is the wire's.
type message struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

// A query is a request's parameters as faas-provider reads them.
type query struct {
	name, namespace, instance string
	since                     time.Time // zero if absent
	tail                      int
	follow                    bool
}

// An opener runs a query. Its error becomes a 500; its answer ends by itself or soon after ctx.
type opener func(ctx context.Context, q query) (iter.Seq[message], error)

// serve is the HTTP side that all providers share, by the provider's clock. A timeout above zero ends an answer by breaking its
// chunking, as a provider's write timeout does.
func serve(w http.ResponseWriter, r *http.Request, now func() time.Time, timeout time.Duration, open opener) {
	w.Header().Set("Date", clock(now).UTC().Format(http.TimeFormat))
	if !isLogRequest(w, r) {
		return
	}
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		http.Error(w, "could not parse the log request", http.StatusUnprocessableEntity)
		return
	}
	ctx := r.Context()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	answer, err := open(ctx, q)
	if err != nil {
		http.Error(w, "function log request failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Connection", "Keep-Alive")
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	send(ctx, w, answer)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && r.Context().Err() == nil {
		panic(http.ErrAbortHandler)
	}
}

// isLogRequest answers everything that is no log request.
func isLogRequest(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path != "/system/logs" && r.URL.Path != "/healthz":
		http.NotFound(w, r)
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == "/healthz":
		w.WriteHeader(http.StatusOK)
	default:
		return true
	}
	return false
}

// send sends the header at once, and each message when it comes.
func send(ctx context.Context, w http.ResponseWriter, answer iter.Seq[message]) {
	flush := http.NewResponseController(w).Flush
	if flush() != nil {
		return
	}
	encoder := json.NewEncoder(w)
	for m := range answer {
		if ctx.Err() != nil || encoder.Encode(m) != nil || flush() != nil {
			return
		}
	}
}

func parseQuery(values url.Values) (query, error) {
	q := query{
		name:      last(values["name"]),
		namespace: last(values["namespace"]),
		instance:  last(values["instance"]),
	}
	var err error
	if tail := last(values["tail"]); tail != "" {
		if q.tail, err = strconv.Atoi(tail); err != nil {
			return query{}, err
		}
	}
	if since := last(values["since"]); since != "" {
		if q.since, err = time.Parse(time.RFC3339, since); err != nil {
			return query{}, err
		}
	}
	q.follow, _ = strconv.ParseBool(last(values["follow"])) // faas-provider: unreadable is false
	return q, nil
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// clock returns now's time, or the machine's where now is nil.
func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}

// awaitChange waits for a store's change, or for due to pass where it is above zero. False means that ctx ended.
func awaitChange(ctx context.Context, changed <-chan struct{}, due time.Duration) bool {
	var timer <-chan time.Time
	if due > 0 {
		timer = time.After(due)
	}
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
