package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// logsRequest, logsMessage and requester are Request, Message and Requester of
// github.com/openfaas/faas-provider/logs.
type logsRequest struct {
	Name      string     `json:"name"`
	Namespace string     `json:"namespace"`
	Instance  string     `json:"instance"`
	Since     *time.Time `json:"since"`
	Tail      int        `json:"tail"`
	Follow    bool       `json:"follow"`
}

func (r logsRequest) String() string {
	return fmt.Sprintf("name:%s namespace: %s instance:%s since:%v tail:%d follow:%v", r.Name, r.Namespace, r.Instance, r.Since, r.Tail, r.Follow)
}

type logsMessage struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

func (m logsMessage) String() string {
	return fmt.Sprintf("%s %s (%s) %s", m.Timestamp.String(), m.Name, m.Instance, m.Text)
}

type requester interface {
	Query(context.Context, logsRequest) (<-chan logsMessage, error)
}

var _ requester = proxy.Requester[logsRequest, logsMessage]{}

func newRequester(t testing.TB, upstreams ...proxy.Upstream) (*proxy.Handler, requester) {
	t.Helper()
	h := &proxy.Handler{Upstreams: upstreams, ReorderWindow: -1}
	t.Cleanup(h.CloseIdleConnections)
	return h, proxy.Requester[logsRequest, logsMessage]{Handler: h}
}

// take reads so many messages, or all until the channel is closed if n < 0.
func take(t testing.TB, messages <-chan logsMessage, n int) (all []logsMessage) {
	t.Helper()
	deadline := time.After(bounds)
	for len(all) != n {
		select {
		case m, ok := <-messages:
			if !ok {
				if n > 0 {
					t.Fatalf("the channel is closed after %d messages, want %d", len(all), n)
				}
				return all
			}
			all = append(all, m)
		case <-deadline:
			t.Fatalf("%d messages within %v", len(all), bounds)
		}
	}
	return all
}

func textsIn(messages []logsMessage) (texts []string) {
	for _, m := range messages {
		texts = append(texts, strings.TrimSuffix(m.Text, "\n"))
	}
	return texts
}

func TestRequester(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			noLeak(t)
			_, logs := newRequester(t,
				serve(t, "a", answers(threeLines()), way.options...),
				serve(t, "b", answers(fiveLines()), way.options...),
			)
			messages, err := logs.Query(t.Context(), logsRequest{Name: "fn"})
			if err != nil {
				t.Fatal(err)
			}
			var got []message
			for _, m := range take(t, messages, -1) {
				got = append(got, message(m))
			}
			if want := decodeAll(t, inOrder(t, 0, threeLines(), fiveLines())); !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// What a request says is what the upstreams are asked, and what comes is held to it.
func TestRequesterAsks(t *testing.T) {
	since := second(2)
	for _, test := range []struct {
		name    string
		request logsRequest
		want    []string
	}{
		{"all", logsRequest{Name: "fn"}, []string{"one", "two", "three"}},
		{"tail", logsRequest{Name: "fn", Tail: 2}, []string{"two", "three"}},
		{"tail below 0", logsRequest{Name: "fn", Tail: -1}, []string{"one", "two", "three"}},
		{"since", logsRequest{Name: "fn", Since: &since}, []string{"two", "three"}},
		{"since the zero time", logsRequest{Name: "fn", Since: &time.Time{}}, []string{"one", "two", "three"}},
		{"instance", logsRequest{Name: "fn", Instance: "pod-b"}, nil},
		{"namespace", logsRequest{Name: "fn", Namespace: "ns"}, []string{"one", "two", "three"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := &sample.Recorder{Handler: answers(threeLines())}
			_, logs := newRequester(t, serve(t, "a", asked))
			messages, err := logs.Query(t.Context(), test.request)
			if err != nil {
				t.Fatal(err)
			}
			if got := textsIn(take(t, messages, -1)); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			q := asked.Queries()[0]
			if q.Get("name") != "fn" || q.Get("namespace") != test.request.Namespace || q.Get("instance") != test.request.Instance {
				t.Errorf("asked %v", q)
			}
		})
	}
}

func TestRequesterWarns(t *testing.T) {
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprintf("off=%v", off), func(t *testing.T) {
			h, logs := newRequester(t, serve(t, "a", answers(threeLines())), at(t, "away", refusing(t)))
			h.NoWarnings = off
			messages, err := logs.Query(t.Context(), logsRequest{Name: "fn", Namespace: "ns"})
			if err != nil {
				t.Fatal(err)
			}
			all := take(t, messages, -1)
			if got := textsIn(all)[:3]; !slices.Equal(got, []string{"one", "two", "three"}) {
				t.Errorf("lines %q", got)
			}
			warnings := all[3:]
			if off {
				if len(warnings) > 0 {
					t.Errorf("warnings %v", warnings)
				}
				return
			}
			if len(warnings) != 1 || !isWarning(message(warnings[0])) || !strings.Contains(warnings[0].Text, "away failed: dial") {
				t.Errorf("warnings %v, want one", warnings)
			}
		})
	}
}

func TestRequesterErrors(t *testing.T) {
	hanging := serve(t, "hanging", sample.HangBeforeHeader()(nil), headerWithin(soon))
	asked := &sample.Recorder{Handler: answers(threeLines())}
	sound := serve(t, "sound", asked)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, test := range []struct {
		name      string
		upstreams []proxy.Upstream
		request   logsRequest
		stopping  context.Context
		status    int    // of a *StatusError
		parameter string // of a *ParameterError
		text      string
	}{
		{"absent", []proxy.Upstream{serve(t, "a", http.HandlerFunc(says404))}, logsRequest{Name: "fn"}, nil, 500, "", "fn is on no upstream"},
		{"absent, of a follow", []proxy.Upstream{serve(t, "a", http.HandlerFunc(says404))}, logsRequest{Name: "fn", Follow: true}, nil, 500, "", "fn is on no upstream"},
		{"no upstreams", nil, logsRequest{Name: "fn"}, nil, 500, "", "fn is on no upstream"},
		{"all down", []proxy.Upstream{at(t, "a", refusing(t)), at(t, "b", refusing(t))}, logsRequest{Name: "fn"}, nil, 502, "", "b failed: dial"},
		{"all down, of a follow", []proxy.Upstream{at(t, "a", refusing(t)), at(t, "b", refusing(t))}, logsRequest{Name: "fn", Follow: true}, nil, 502, "", "a failed: dial"},
		{"a required one is down", []proxy.Upstream{sound, at(t, "b", refusing(t), required)}, logsRequest{Name: "fn"}, nil, 502, "", "b failed: dial"},
		{"late", []proxy.Upstream{hanging}, logsRequest{Name: "fn"}, nil, 504, "", "hanging failed: timeout"},
		{"stopping", []proxy.Upstream{hanging}, logsRequest{Name: "fn", Follow: true}, stopped, 503, "", "stopping"},
		{"no name", []proxy.Upstream{sound}, logsRequest{}, nil, 0, "name", "required"},
		{"a name that is none", []proxy.Upstream{sound}, logsRequest{Name: `fn"}`}, nil, 0, "name", "letters"},
		{"a namespace that is none", []proxy.Upstream{sound}, logsRequest{Name: "fn", Namespace: "a b"}, nil, 0, "namespace", "letters"},
		{"an instance that is none", []proxy.Upstream{sound}, logsRequest{Name: "fn", Instance: "a|b"}, nil, 0, "instance", "letters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			noLeak(t)
			before := len(asked.Queries())
			h, logs := newRequester(t, test.upstreams...)
			h.Stopping = test.stopping
			messages, err := logs.Query(t.Context(), test.request)
			if err == nil || messages != nil {
				t.Fatalf("error %v, channel %v", err, messages)
			}
			if !strings.Contains(err.Error(), test.text) || strings.HasSuffix(err.Error(), "\n") {
				t.Errorf("error %q, want one of %q", err, test.text)
			}
			var status *proxy.StatusError
			var parameter *proxy.ParameterError
			switch {
			case test.status != 0:
				if !errors.As(err, &status) || status.Status != test.status {
					t.Errorf("error %#v, want status %d", err, test.status)
				}
			case !errors.As(err, &parameter) || parameter.Parameter != test.parameter:
				t.Errorf("error %#v, want one of the parameter %s", err, test.parameter)
			}
			if test.parameter != "" && len(asked.Queries()) > before {
				t.Error("an upstream was asked")
			}
		})
	}
}

// A context that is done is told as such.
func TestRequesterOfADoneContext(t *testing.T) {
	noLeak(t)
	reason := errors.New("enough")
	_, logs := newRequester(t, serve(t, "a", sample.HangBeforeHeader()(nil)))
	for _, follow := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer time.AfterFunc(soon, func() { cancel(reason) }).Stop()
		if _, err := logs.Query(ctx, logsRequest{Name: "fn", Follow: follow}); !errors.Is(err, reason) {
			t.Errorf("follow=%v: error %v, want %v", follow, err, reason)
		}
	}
}

func TestRequesterFollows(t *testing.T) {
	noLeak(t)
	store := quietStore()
	h, logs := newRequester(t, serve(t, "a", &sample.FaasNetes{Store: store}, asFaasNetes))
	h.Keepalive = 10 * time.Millisecond // blank lines, which are no messages
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	messages, err := logs.Query(ctx, logsRequest{Name: "fn", Follow: true, Tail: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := textsIn(take(t, messages, 1)); got[0] != "long ago" {
		t.Errorf("backlog %q", got)
	}
	for i := range 5 {
		want := fmt.Sprint("live ", i)
		store.Append("fn", logged("pod", want))
		if got := textsIn(take(t, messages, 1)); got[0] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	cancel()
	if got := take(t, messages, -1); len(got) > 0 {
		t.Errorf("after the end: %v", got)
	}
}
