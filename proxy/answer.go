package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// An Outcome is how an upstream ended a request.
type Outcome string

// The outcomes.
const (
	OK     Outcome = "ok"     // a 2xx answer, read to its end; it may be empty
	Absent Outcome = "absent" // the upstream does not have the function
	Failed Outcome = "failed" // everything else, half an answer included
)

// A Result is what an upstream made of a request.
type Result struct {
	Upstream string
	Ordered  bool // the upstream is said to be
	Outcome  Outcome
	Failure  *Failure // of a failed one
	Stats    line.Stats
	ToHeader time.Duration // from the start to the response's header, 0 without one
	Duration time.Duration // from the start to the end

	required bool
	warnings [][]byte // an inner logmux's, as they came
}

// delivered reports whether a line came, whatever became of the upstream then.
func (r *Result) delivered() bool { return r.Stats.Lines > 0 }

// A sink takes the blocks of one upstream, which it then owns.
type sink func(*merge.Block) error

// collect asks the upstream for what the request wants of it and hands over
// the lines. It calls answering, once, when there is a 2xx answer to read.
func (c *client) collect(ctx context.Context, r Request, opts line.Options, answering func(), to sink) Result {
	result := Result{Upstream: c.Name, Ordered: c.Ordered, Outcome: OK, required: c.Required}
	opts.Upstream, opts.Name, opts.Namespace = c.Name, r.Name, r.Namespace
	opts.MaxLineBytes = c.MaxLineBytes
	opts.Filter = line.Filter{Since: r.Since, Instance: r.Instance, Namespace: r.Namespace}
	opts.Warning = func(line []byte) { result.warnings = append(result.warnings, line) }

	start := time.Now()
	err := c.exchange(ctx, c.query(r, start), func(body io.Reader) error {
		result.ToHeader = time.Since(start)
		answering()
		reader := line.NewReader(body, opts)
		err := drain(reader, to)
		result.Stats = reader.Stats
		return err
	})
	result.Duration = time.Since(start)
	switch {
	case errors.Is(err, errAbsent):
		result.Outcome = Absent
	case err != nil:
		result.Outcome, result.Failure = Failed, failed(ctx, err)
	}
	return result
}

var errAbsent = errors.New("the function is not there")

// exchange asks and reads one answer under a context of its own, which the
// idle timeout may end.
func (c *client) exchange(ctx context.Context, query map[string][]string, read func(io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := c.get(ctx, query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := accept(resp); err != nil {
		return err
	}
	body := newIdleReader(resp.Body, c.idleTimeout(), func() { cancel(errIdle) })
	if err := read(body); err != nil {
		return failed(ctx, err)
	}
	return nil
}

// absentPrefix starts the body of faas-netes' 500 for a function that it does
// not have; logmux says the same.
const absentPrefix = "function log request failed"

// accept says what a response is: nil for an answer to read, errAbsent, or a *Failure.
func accept(resp *http.Response) error {
	code := resp.StatusCode
	switch {
	case code/100 == 2:
		if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
			return &Failure{ReasonMalformed, fmt.Errorf("the answer is compressed (%s), which was not asked for", e)}
		}
		return nil
	case code == http.StatusNotFound:
		return errAbsent
	}
	start, _ := io.ReadAll(io.LimitReader(resp.Body, 256)) // what is there of it will do
	if code == http.StatusInternalServerError && bytes.HasPrefix(start, []byte(absentPrefix)) {
		return errAbsent
	}
	return &Failure{reasonStatus(code), fmt.Errorf("%s%s", http.StatusText(code), firstLine(start))}
}

// firstLine is what an operator can use of an error page's start.
func firstLine(body []byte) string {
	s, _, _ := strings.Cut(strings.ToValidUTF8(string(body), "\ufffd"), "\n")
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", s)
}

// drain hands over blocks until the answer ends.
func drain(r *line.Reader, to sink) error {
	for {
		b, err := r.Next()
		if err == io.EOF {
			return unintelligible(r.Stats)
		}
		if err != nil {
			return err
		}
		if err := to(b); err != nil {
			return err
		}
	}
}

// unintelligible is the failure of an upstream that answered, but not with log
// lines: an ingress' page, perhaps.
func unintelligible(s line.Stats) error {
	if s.Messages > 0 || s.Malformed == s.Cut {
		return nil
	}
	return &Failure{ReasonMalformed, errors.New("no line of the answer is a log message")}
}

// An idleReader calls expired when one Read takes longer than timeout. The time
// between Reads, when it is the reader that is slow, does not count.
type idleReader struct {
	io.Reader
	timeout time.Duration
	timer   *time.Timer
}

func newIdleReader(r io.Reader, timeout time.Duration, expired func()) *idleReader {
	timer := time.AfterFunc(timeout, expired)
	timer.Stop()
	return &idleReader{r, timeout, timer}
}

func (r *idleReader) Read(p []byte) (int, error) {
	r.timer.Reset(r.timeout)
	n, err := r.Reader.Read(p)
	r.timer.Stop()
	return n, err
}
