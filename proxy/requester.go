package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A LogRequest is logs.Request of github.com/openfaas/faas-provider, or another
// struct with the same fields.
type LogRequest interface {
	~struct {
		Name      string     `json:"name"`
		Namespace string     `json:"namespace"`
		Instance  string     `json:"instance"`
		Since     *time.Time `json:"since"`
		Tail      int        `json:"tail"`
		Follow    bool       `json:"follow"`
	}
}

// A LogMessage is logs.Message of github.com/openfaas/faas-provider, or another
// struct with the same fields.
type LogMessage interface {
	~struct {
		Name      string    `json:"name"`
		Namespace string    `json:"namespace"`
		Instance  string    `json:"instance"`
		Timestamp time.Time `json:"timestamp"`
		Text      string    `json:"text"`
	}
}

// A Requester queries the upstreams of a handler in process. A
// Requester[logs.Request, logs.Message] is a logs.Requester of faas-provider, so
// that a provider can serve the logs of others among its own routes.
type Requester[R LogRequest, M LogMessage] struct {
	// Handler has the upstreams and what holds for each request.
	Handler *Handler
}

// A StatusError is that of a query which has no lines to send. Status is what a
// client would be answered by HTTP: 500 if no upstream has the function, 502 or
// 504 if those that may have it failed.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string { return strings.TrimSpace(e.Text) }

// Query asks for the lines of a function and sends them, ascending by timestamp,
// with the warnings of what is missing where they would stand in an answer. The
// channel is closed when the request ends. A reader that wants no more of it
// cancels ctx; nothing is left behind then.
//
// The errors are *ParameterError, *StatusError, and that of ctx.
func (q Requester[R, M]) Query(ctx context.Context, request R) (<-chan M, error) {
	r, err := newRequest(request)
	if err != nil {
		return nil, err
	}
	w := &messageWriter[M]{ctx: ctx, header: http.Header{}, begun: make(chan struct{}), messages: make(chan M)}
	go func() {
		defer close(w.messages) // after its only sender's last
		q.Handler.report(ctx, w, &r, (*Handler).serve)
		w.begin(0) // if it did not before
	}()
	<-w.begun
	switch {
	case w.status == http.StatusOK:
		return w.messages, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	<-w.messages // closed when all of the text is there
	return nil, &StatusError{w.status, w.refusal.String()}
}

func newRequest[R LogRequest](request R) (Request, error) {
	fields := struct {
		Name      string     `json:"name"`
		Namespace string     `json:"namespace"`
		Instance  string     `json:"instance"`
		Since     *time.Time `json:"since"`
		Tail      int        `json:"tail"`
		Follow    bool       `json:"follow"`
	}(request)
	r := Request{
		Name:      fields.Name,
		Namespace: fields.Namespace,
		Instance:  fields.Instance,
		Tail:      max(fields.Tail, 0),
		Follow:    fields.Follow,
	}
	if fields.Since != nil {
		r.Since = *fields.Since
	}
	return r, r.check()
}

// A messageWriter is the response to a query: it sends each line that is
// written as a message.
type messageWriter[M LogMessage] struct {
	ctx      context.Context // the query's: a writer has no other way to know of it
	header   http.Header
	begun    chan struct{} // closed once status is set
	status   int
	messages chan M
	refusal  bytes.Buffer // the body, of another status than 200
}

func (w *messageWriter[M]) Header() http.Header { return w.header }

func (w *messageWriter[M]) WriteHeader(status int) { w.begin(status) }

func (w *messageWriter[M]) begin(status int) {
	select {
	case <-w.begun:
	default:
		w.status = status
		close(w.begun)
	}
}

// Write takes whole lines, as the handler writes them.
func (w *messageWriter[M]) Write(p []byte) (int, error) {
	if w.status != http.StatusOK {
		return w.refusal.Write(p)
	}
	for line := range bytes.Lines(p) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue // a keepalive
		}
		var m M
		if err := json.Unmarshal(line, &m); err != nil {
			return 0, fmt.Errorf("decode a line: %w", err)
		}
		select {
		case w.messages <- m:
		case <-w.ctx.Done():
			return 0, context.Cause(w.ctx)
		}
	}
	return len(p), nil
}

// Flush does nothing: what is written was sent.
func (w *messageWriter[M]) Flush() {}
