package proxy

import (
	"errors"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
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
	Upstream   string // its name, and its address where that is one of several
	Configured string // its name in Handler.Upstreams
	Ordered    bool   // the upstream is said to be
	Outcome    Outcome
	Failure    *Failure // of a failed one
	Stats      Stats
	Retries    int64         // exchanges that were tried again before an answer began
	ToHeader   time.Duration // from the start to the response's header, 0 without one
	Duration   time.Duration // from the start to the end

	// Of a follow: how often the upstream was asked for live lines; the lines
	// that came again and were left out; those left out because they were older
	// than what is remembered; and those sent after a later one.
	Askings                    int
	Suppressed, Replayed, Late int64

	read     line.Stats // what Stats are made of
	required bool
	group    string    // the replica group
	excused  bool      // another of the group made up for it
	warnings [][]byte  // an inner logmux's, as they came
	date     time.Time // of the first answer, by the upstream's clock; in whole seconds
	notes    []string  // what the answer lacks though nothing failed
}

// Stats count what was read of an upstream's answers.
type Stats struct {
	Lines     int64 // that passed the filters
	Bytes     int64 // of all answers
	Malformed int64 // lines that were no log message, or too long, and were wrapped
	Disorder  int64 // lines that stood behind a later one
}

// told is the result as others may know it.
func (r Result) told() Result {
	r.Stats = Stats{r.read.Lines, r.read.Bytes, r.read.Malformed, r.read.Disorder}
	return r
}

// delivered reports whether a line came, whatever became of the upstream then.
func (r *Result) delivered() bool { return r.read.Lines > 0 }

// unintelligible is the failure of an upstream that answered, but not with log
// lines: an ingress' page, perhaps.
func unintelligible(s line.Stats) error {
	if s.Messages > 0 || s.Warnings > 0 || s.Malformed == s.Cut {
		return nil
	}
	return &Failure{ReasonMalformed, errors.New("no line of the answer is a log message")}
}
