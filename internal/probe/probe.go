// Package probe finds out how the upstreams of a config do and what they seem to
// be, by asking them.
//
//	look.go       is it there, are the credentials right, how fast, what time is it there
//	behaviour.go  given a function: what does it make of order, tail and since
//	kind.go       which provider would do that
package probe

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openfaas-logmux/logmux/proxy"
)

// A Question is what to ask an upstream.
type Question struct {
	Upstream proxy.Upstream
	Kind     string // of the config: what the upstream is said to be

	// Function and Namespace name one that logs, whose lines show what the
	// provider does. If Function is empty, only what needs none is found out.
	Function, Namespace string
}

// A Finding is what there is to say of one upstream.
type Finding struct {
	Upstream string
	Required bool
	Copies   bool // others hold the same lines
	TLS      bool
	Failure  *proxy.Failure // why it cannot be used, nil if it can
	ToHeader time.Duration  // of the log request
	Skew     *time.Duration // its clock less ours, give or take half a second; nil if it does not say
	Seems    string         // the kind, or several; empty if nothing tells
	Saw      string         // of the function's lines; empty if there were none to look at
	Notes    []string       // what does not fit the config, or is good to know
}

// missing is a function that no provider has.
const missing = "logmux-probe-of-a-function-that-is-not-there"

// All asks all at once, and returns in their order what was found.
func All(ctx context.Context, questions []Question) []Finding {
	findings := make([]Finding, len(questions))
	var group errgroup.Group
	for i := range questions {
		group.Go(func() error {
			findings[i] = ask(ctx, &questions[i])
			return nil
		})
	}
	_ = group.Wait() // failures are findings
	return findings
}

// An inquiry is one question under way.
type inquiry struct {
	*Question
	*proxy.Probe
	Finding

	header http.Header // of the answer for the missing function
	absent bool        // the answer was that it is
	told   string      // what the upstream says of itself
	seen   behaviour
}

func ask(ctx context.Context, q *Question) Finding {
	i := &inquiry{Question: q, Probe: proxy.NewProbe(q.Upstream)}
	defer i.Close()
	i.Finding.Upstream, i.Finding.Required, i.Copies = q.Upstream.Name, q.Upstream.Required, q.Upstream.ReplicaGroup != ""
	if i.look(ctx); i.Failure != nil {
		return i.Finding
	}
	if q.Function != "" {
		i.behave(ctx)
	}
	i.guess(ctx)
	return i.Finding
}
