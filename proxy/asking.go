package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// An asking is one bounded request to one upstream. Providers differ in what
// they make of a tail, a start or no limit, so it may take several exchanges:
//
//	the provider                    is asked                       where
//	keeps the newest N, or all      once                           asking.go
//	keeps the oldest N              by a bisected start            bisect.go
//	caps its answers                from the last line, again      pages.go
type asking struct {
	*client
	Request
	via       link
	opts      line.Options
	answering func()
	result    Result
	start     time.Time
}

// collect asks the upstream for what the request wants of it and hands over
// the lines. It calls answering, once, when there is a 2xx answer to read.
func (c *client) collect(ctx context.Context, r Request, opts line.Options, answering func(), to sink) Result {
	a := &asking{client: c, Request: c.translate(r), via: c.bounded, answering: answering, start: time.Now()}
	if r.Follow {
		a.via = c.backlog
	}
	a.result = c.newResult()
	a.opts = c.lineOptions(r, opts, a.innerWarning)

	err := a.all(countRetries(ctx, &a.result.Retries), to)
	if errors.Is(err, ErrAbsent) && a.answering == nil {
		err = &Failure{ReasonTruncated, errors.New("the function was gone before all was read")}
	}
	a.result.Duration = time.Since(a.start)
	switch {
	case errors.Is(err, ErrAbsent):
		a.result.Outcome = Absent
	case err != nil:
		a.result.Outcome, a.result.Failure = Failed, failed(ctx, err)
	}
	return a.result
}

// innerWarning keeps a warning of an inner logmux for the end of the answer. A
// real one has a few; what has more is not held in memory for it.
func (a *asking) innerWarning(line []byte) {
	switch n := len(a.result.warnings); {
	case n < maxWarnings && len(line) <= maxWarningBytes:
		a.result.warnings = append(a.result.warnings, line)
	case len(a.result.notes) == 0 || a.result.notes[0] != tooManyWarnings:
		a.result.notes = append([]string{tooManyWarnings}, a.result.notes...)
	}
}

const (
	maxWarnings     = 1000
	maxWarningBytes = 16 << 10
	tooManyWarnings = "more of its warnings are left out"
)

// lineOptions adds to opts how the upstream's lines are to be read for a request.
func (c *client) lineOptions(r Request, opts line.Options, warning func([]byte)) line.Options {
	opts.Upstream, opts.Name, opts.Namespace = c.Name, r.Name, r.Namespace
	opts.MaxLineBytes = c.MaxLineBytes
	opts.Labels = line.Labels{Namespace: c.Namespace, InstancePrefix: c.InstancePrefix}
	opts.Filter = line.Filter{Since: r.Since, Instance: r.Instance, Namespace: r.Namespace}
	opts.Warning = warning
	return opts
}

func (c *client) newResult() Result {
	return Result{Upstream: c.Name, Configured: c.configured, Ordered: c.Ordered, Outcome: OK, required: c.Required, group: c.ReplicaGroup}
}

// all asks as often as it takes.
func (a *asking) all(ctx context.Context, to sink) error {
	from, cut := a.since()
	oldest := a.TailMode == TailOldest
	var err error
	switch {
	case oldest && a.Tail > 0 && (a.MaxLimit == 0 || a.Tail < a.MaxLimit):
		err = a.newestOfOldest(ctx, from, to)
	case oldest && a.MaxLimit > 0:
		a.opts.IDs = true
		err = a.pages(ctx, from, to)
	default:
		err = a.once(ctx, from, to)
	}
	if err == nil && cut && (a.Tail == 0 || a.result.read.Lines < int64(a.Tail)) {
		a.note("lines before %s are missing: it looks back %v at most", from.UTC().Format(time.RFC3339), a.MaxLookback)
	}
	return err
}

// since is the start to ask for, zero for none, and whether the provider's
// look-back cuts off what the request asks for.
func (a *asking) since() (from time.Time, cut bool) {
	if a.Since.IsZero() {
		return a.Since, false
	}
	from = notAfter(a.Since, a.start)
	if earliest := a.start.Add(-a.MaxLookback); a.MaxLookback > 0 && from.Before(earliest) {
		return earliest, true
	}
	return from, false
}

// once takes what the provider gives for one request.
func (a *asking) once(ctx context.Context, from time.Time, to sink) error {
	limit := a.askTail(a.Request)
	stats, err := a.exchangeLines(ctx, a.early(from), limit, to)
	if err == nil && a.MaxLimit > 0 && stats.Sent() >= int64(a.MaxLimit) && (a.Tail == 0 || a.Tail != limit) {
		a.note("older lines may be missing: it sends %d at most", a.MaxLimit)
	}
	return err
}

// exchangeLines is one exchange: at most limit lines, zero for no bound, from a
// time by the provider's clock on, zero for its default. The caller has taken
// since_slack off it. It returns what was in the answer, also with an error.
func (a *asking) exchangeLines(ctx context.Context, from time.Time, limit int, to sink) (line.Stats, error) {
	q := a.base(a.Request)
	if !from.IsZero() {
		q.Set("since", formatSince(from))
	}
	if limit > 0 {
		q.Set("tail", strconv.Itoa(limit))
	}
	var stats line.Stats
	hop := a.hop
	if a.answering == nil {
		hop = hop.begun()
	}
	err := a.exchange(ctx, a.via, hop, q, func(header http.Header, body io.Reader) error {
		if a.answering != nil {
			a.result.ToHeader = time.Since(a.start)
			a.result.date, _ = http.ParseTime(header.Get("Date"))
			a.answering()
			a.answering = nil
		}
		reader := line.NewReader(body, a.opts)
		err := drain(reader, to)
		if stats = reader.Stats; err == nil {
			err = unintelligible(stats)
		}
		return err
	})
	a.result.read.Add(stats)
	return stats, err
}

// early is the start to ask for to have all from a time on.
func (a *asking) early(from time.Time) time.Time {
	if from.IsZero() {
		return from
	}
	return from.Add(-a.SinceSlack)
}

// note says what the answer lacks, for the warning at its end.
func (a *asking) note(format string, args ...any) {
	if len(a.result.notes) < maxNotes {
		a.result.notes = append(a.result.notes, fmt.Sprintf(format, args...))
	}
}

// maxNotes is how many are of use to a reader.
const maxNotes = 10
