package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// Handler has the upstreams and what holds for each request. It is required.
	Handler *Handler
}

// Query asks for the lines of a function and sends them, ascending by timestamp,
// with the warnings of what is missing where they would stand in an answer. The
// channel is closed when the request ends. A reader that wants no more of it
// cancels ctx; nothing is left behind then.
//
// It returns when there is something to send: for a bounded request mostly when all
// upstreams have ended. The errors are those of Handler.Answer.
func (q Requester[R, M]) Query(ctx context.Context, request R) (<-chan M, error) {
	if q.Handler == nil {
		return nil, errors.New("proxy: a Requester without a Handler")
	}
	w := &messageWriter[M]{ctx: ctx, begun: make(chan struct{}), messages: make(chan M)}
	var err error
	go func() {
		err = q.Handler.Answer(ctx, newRequest(request), w)
		w.begin(false)    // if it did not before
		close(w.messages) // after its only sender's last
	}()
	<-w.begun
	if w.lines {
		return w.messages, nil
	}
	<-w.messages // closed once err is set
	if err != nil {
		return nil, err
	}
	return w.messages, nil
}

func newRequest[R LogRequest](request R) Request {
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
	return r
}

// A messageWriter sends each line that is written as a message.
type messageWriter[M LogMessage] struct {
	ctx      context.Context // the query's: a writer has no other way to know of it
	begun    chan struct{}   // closed with the first line, or the end
	lines    bool            // whether it was the former; set before begun is closed
	messages chan M
}

func (w *messageWriter[M]) begin(lines bool) {
	select {
	case <-w.begun:
	default:
		w.lines = lines
		close(w.begun)
	}
}

// Write takes whole lines. Those that cannot be decoded do not occur: the handler
// sends none.
func (w *messageWriter[M]) Write(p []byte) (int, error) {
	w.begin(true)
	for line := range bytes.Lines(p) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue // the first of a follow, or a keepalive
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
func (w *messageWriter[M]) Flush() error { return nil }
