package proxy

import (
	"fmt"
	"strconv"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// warning is a message line that tells whoever reads the logs what is missing
// from them: the gateway passes on nothing but the body.
func warning(r Request, format string, args ...any) []byte {
	return line.Append(nil, line.Message{
		Name:      r.Name,
		Namespace: r.Namespace,
		Instance:  line.WarningInstance,
		Timestamp: time.Now().UTC(),
		Text:      line.WarningPrefix + fmt.Sprintf(format, args...),
	})
}

// failureWarning says which upstream failed and what that means for the answer.
func failureWarning(r Request, result *Result) []byte {
	consequence := "its lines are missing"
	switch {
	case r.Follow:
		consequence = "its lines are missing until it answers again"
	case result.delivered():
		consequence = "its lines may be incomplete"
	}
	return warning(r, "%s failed: %s; %s", result.Upstream, result.Failure, consequence)
}

// noteWarning says what an upstream's answer lacks though nothing failed.
func noteWarning(r Request, upstream, note string) []byte {
	return warning(r, "%s: %s", upstream, note)
}

// missingWarning says what had to be left out for want of memory and disk.
func missingWarning(r Request, m *merge.Missing, copies bool) []byte {
	count := strconv.Itoa(m.Lines)
	if copies {
		// Which of the lines that were dropped are copies nobody remembers.
		count = "at most " + count
	}
	return warning(r, "%s lines before %s are missing: too many to hold in memory, and they cannot be spilled: %v",
		count, line.Time(m.Before).Format(time.RFC3339Nano), m.Err)
}

// warnings are all that is to be said at the end of a bounded answer, in the
// order of the upstreams: an inner logmux's own, then what the answer lacks,
// then what failed.
func warnings(r Request, results []Result) [][]byte {
	var lines [][]byte
	for i := range results {
		result := &results[i]
		lines = append(lines, result.warnings...)
		for _, note := range result.notes {
			lines = append(lines, noteWarning(r, result.Upstream, note))
		}
		if result.Outcome == Failed && !result.excused {
			lines = append(lines, failureWarning(r, result))
		}
	}
	return lines
}
