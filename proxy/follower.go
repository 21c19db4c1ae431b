package proxy

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// A follower follows one upstream for one request. It asks again and again,
// each time from its last line less the overlap, and passes on what it has not
// passed on yet. That is all there is to it, whatever the reason for asking:
//
//	backlog ──> live        the first live asking begins before the backlog was asked
//	an end, clean or not    a provider's own timeout, a restart, a broken connection
//	absent                  the function may be deployed later
//	poll                    a provider that cannot follow
//
// It runs in one goroutine and tells the follow what happens by its sink.
type follower struct {
	*client
	request Request
	to      followSink
	overlap *overlap
	opts    line.Options

	result  Result
	started time.Time     // before the backlog was asked
	asOf    int64         // key of when the backlog was there, by the upstream's clock or later
	behind  time.Duration // the upstream's clock, where that is more than a second or two
	base    int64         // the key that the next asking begins at, less the overlap
	highest int64         // of all lines
	passed  int64         // lines
	polled  time.Time     // when the last poll that was whole began
	broken  bool          // the last poll broke off
	quick   int           // answers in a row that ended at once
	tries   int           // askings in a row that were of no use
	failing bool          // told, and not ok since
	poll    bool
	leave   context.CancelCauseFunc // of one that was discovered
	over    atomic.Bool             // its goroutine has ended
}

// A followSink takes what a follower finds. Its methods block until there is
// room for it.
type followSink interface {
	lines(*follower, *merge.Block)
	warning(*follower, []byte) // an inner logmux's, or what an answer lacks
	changed(*follower)         // it has failed, or is ok again
}

const (
	// An answer to a follow that ends sooner is that of a provider which
	// ignores follow; three in a row, and it is polled.
	quickAnswer     = time.Second
	quickAnswers    = 3
	minFollowerWait = 10 * time.Millisecond // or one that always fails would spin
	maxFollowerWait = 5 * time.Second
	// Idle followers are many: they read into little, and it grows.
	followBlock = 1 << 10
	// Backlogs are large now and then, and there is one at most of each.
	backlogBlock = 32 << 10
)

func newFollower(c *client, r Request, to followSink) *follower {
	f := &follower{
		client: c, request: c.translate(r), to: to, overlap: newOverlap(), result: c.newResult(),
		highest: math.MinInt64, poll: c.FollowMode == FollowPoll, started: time.Now(),
	}
	f.opts = c.lineOptions(r, line.Options{IDs: true, Follow: true}, func(line []byte) { to.warning(f, line) })
	return f
}

// backlog gathers the historic part and hands it to the sink given. It tells of
// a failure, and returns how long to wait before the live part.
func (f *follower) backlog(ctx context.Context, r Request, answering func(), to sink) (wait time.Duration) {
	f.overlap.begin()
	opts := line.Options{Fill: true, BlockSize: backlogBlock, IDs: true, Follow: true}
	f.result = f.collect(ctx, r, opts, answering, func(b *merge.Block) error {
		now := line.Key(time.Now())
		for i, l := range b.Lines {
			// Also what the tail will cut: it stays cut when it comes again.
			f.overlap.repeated(l.Key, b.IDs[i])
			f.note(l.Key, now)
		}
		f.overlap.forget(f.horizon(min(f.highest, line.Key(f.started))))
		return to(b)
	})
	f.base, f.asOf = line.Key(f.started), math.MaxInt64
	if date := f.result.date; !date.IsZero() {
		ahead := date.Sub(f.started) // give or take a second: dates are whole ones
		f.asOf = line.Key(time.Now().Add(max(ahead, 0) + time.Second))
		if ahead < -2*time.Second {
			// Its clock is behind: our start is in its future.
			f.behind = -ahead
			f.base = line.Key(date)
		}
	}
	f.catchUp()
	switch f.result.Outcome {
	case Absent:
		return f.absentInterval()
	case Failed:
		f.fail(f.result.Failure)
		f.tries = 1
		return f.Retry.followWait(f.tries)
	}
	return 0
}

// live asks until ctx is done.
func (f *follower) live(ctx context.Context) {
	ctx = countRetries(ctx, &f.result.Retries)
	for ctx.Err() == nil {
		wait := f.ask(ctx)
		if !sleep(ctx, wait) {
			return
		}
	}
}

// ask is one asking. It returns how long to wait before the next.
func (f *follower) ask(ctx context.Context) time.Duration {
	f.overlap.begin()
	f.result.Askings++
	began := time.Now()
	var err error
	passed := f.passed
	if f.poll {
		err = f.askOnce(ctx)
	} else {
		err = f.askStream(ctx)
	}
	if ctx.Err() != nil {
		return 0
	}
	f.catchUp()
	if errors.Is(err, ErrAbsent) {
		f.gone()
		f.tries = 0
		return f.absentInterval()
	}
	var failure *Failure
	if errors.As(err, &failure) {
		f.fail(failure)
	}
	switch {
	case failure == nil && f.poll:
		f.tries = 0
		return f.pollInterval()
	case failure == nil && (f.passed > passed || time.Since(began) > maxFollowerWait):
		f.tries = 0 // it was healthy
	}
	f.tries++
	return f.Retry.followWait(f.tries)
}

// askOnce polls: one bounded request, in as many exchanges as it takes. One that
// breaks off is no failure if the next does not.
func (f *follower) askOnce(ctx context.Context) error {
	r := f.request
	r.Tail, r.Since, r.Follow, r.hop = 0, f.from(), false, r.hop.begun()
	begun := false
	a := &asking{client: f.client, Request: r, via: f.client.polling, opts: f.opts, start: time.Now(), answering: func() { begun = true }}
	a.opts.Fill, a.opts.BlockSize = true, backlogBlock
	err := a.all(ctx, f.pass)
	f.result.read.Add(a.result.read)
	for _, note := range a.result.notes {
		f.to.warning(f, noteWarning(f.request, f.Name, note))
	}
	switch {
	case err == nil:
		f.advance()
		f.answered()
		f.polled = a.start
		f.broken = false
		return nil
	case errors.Is(err, ErrAbsent) && !begun:
		return err
	case begun && !f.broken:
		f.broken = true
		return nil
	}
	return failed(ctx, err)
}

// askStream follows: one answer that is read for as long as it lasts. That it
// ends, however it does, is no failure; that it holds no log line is one.
func (f *follower) askStream(ctx context.Context) error {
	var began time.Time
	var reader *line.Reader
	err := f.exchange(ctx, f.following, f.request.hop.begun(), f.liveQuery(), func(_ http.Header, body io.Reader) error {
		began = time.Now()
		unintelligible := f.failing && f.result.Failure.Reason == ReasonMalformed
		if !unintelligible {
			f.answered()
		}
		reader = f.liveReader(body)
		return drain(reader, func(b *merge.Block) error {
			if unintelligible && reader.Stats.Messages > 0 {
				f.answered()
			}
			if time.Since(began) > f.client.overlap() {
				f.advance() // what it sends again it has sent by now
			}
			return f.pass(b)
		})
	})
	if reader == nil {
		return err
	}
	f.result.read.Add(reader.Stats)
	if err == nil && time.Since(began) < quickAnswer {
		f.quick++
		f.poll = f.quick >= quickAnswers
	} else {
		f.quick = 0
	}
	return unintelligible(reader.Stats)
}

// liveReader reads a live answer.
//
// It is not inlined, so that the copies of its options leave the stack before it
// waits.
//
//go:noinline
func (f *follower) liveReader(body io.Reader) *line.Reader {
	opts := f.opts
	opts.Grow, opts.BlockSize = true, followBlock
	return line.NewReader(body, opts)
}

// pass passes on what is new.
func (f *follower) pass(b *merge.Block) error {
	now := line.Key(time.Now())
	b.Keep(func(i int) bool {
		f.note(b.Lines[i].Key, now)
		return !f.overlap.repeated(b.Lines[i].Key, b.IDs[i])
	})
	f.passed += int64(len(b.Lines))
	f.overlap.forget(f.horizon(min(f.base, f.highest)))
	if len(b.Lines) == 0 {
		b.Free()
		return nil
	}
	f.to.lines(f, b)
	return nil
}

// note takes a key into account for where to ask from. One that is in our
// future says little of what else there is.
func (f *follower) note(key, now int64) { f.highest = max(f.highest, min(key, now)) }

// advance makes the next asking begin at the last line. It must not be called
// while the upstream still sends again what it sent before: one instance may be
// far ahead of another whose lines are yet to come.
func (f *follower) advance() {
	if f.highest > math.MinInt64 {
		f.base = f.highest
	}
}

// catchUp puts the next asking back to the last line, where the upstream's clock
// is so far behind that it would begin in its future.
func (f *follower) catchUp() {
	if f.highest > math.MinInt64 {
		f.base = min(f.base, f.highest)
	}
}

// from is where the next asking begins: never before what is remembered.
func (f *follower) from() time.Time {
	from := max(subtract(f.base, f.client.overlap()), f.overlap.known)
	if f.poll && f.FollowMode != FollowPoll && !f.polled.IsZero() {
		// It ends its answers at once, perhaps at a line that it cannot get
		// past: faasd does. Asked from a later time each poll, it will.
		from = max(from, subtract(line.Key(f.polled.Add(-f.behind)), f.client.overlap()))
	}
	if since := line.Key(f.request.Since); !f.request.Since.IsZero() {
		from = max(from, since)
	}
	return line.Time(from)
}

// horizon is the key of the oldest line that an asking from base may bring.
func (f *follower) horizon(base int64) int64 {
	return subtract(base, f.client.overlap()+f.SinceSlack+time.Second)
}

func subtract(key int64, d time.Duration) int64 {
	if key < math.MinInt64+int64(d) {
		return math.MinInt64
	}
	return key - int64(d)
}

func (f *follower) liveQuery() url.Values {
	q := f.client.base(f.request)
	q.Set("follow", "true")
	q.Set("since", formatSince(notAfter(f.from(), time.Now().Add(-f.behind)).Add(-f.SinceSlack)))
	return q
}

// answered notes that the upstream answers.
func (f *follower) answered() { f.become(OK) }

// gone notes that it answers, and does not have the function.
func (f *follower) gone() { f.become(Absent) }

func (f *follower) become(outcome Outcome) {
	changed := f.result.Outcome != outcome
	f.result.Outcome, f.result.Failure, f.failing = outcome, nil, false
	if changed {
		f.to.changed(f)
	}
}

// fail tells of a failure, once until the upstream is ok again.
func (f *follower) fail(failure *Failure) {
	f.result.Outcome, f.result.Failure = Failed, failure
	if !f.failing {
		f.failing = true
		f.to.changed(f)
	}
}

// ended is how the upstream has ended the request.
func (f *follower) ended() Result {
	f.result.Duration = time.Since(f.started)
	f.result.Suppressed, f.result.Replayed = f.overlap.suppressed, f.overlap.replayed
	return f.result
}

// sleep reports false when ctx is done before the time is over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
