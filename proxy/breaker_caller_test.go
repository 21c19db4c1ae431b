package proxy_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A client that leaves, or wants its answer sooner than the upstream can be known
// to be down, says nothing of the upstream.
func TestBreakerOfAClientInAHurry(t *testing.T) {
	const failures = 2
	for _, test := range []struct {
		name  string
		waits bool // for an answer
		ask   func(t *testing.T, p *patient, asked <-chan struct{})
	}{
		{"it leaves", false, func(t *testing.T, p *patient, asked <-chan struct{}) {
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-asked
				leave()
			}()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/system/logs?name=fn", nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := p.client.Do(req); err == nil {
				resp.Body.Close()
				t.Fatalf("an answer came: %s", resp.Status)
			}
		}},
		{"it says so", true, func(t *testing.T, p *patient, _ <-chan struct{}) {
			got := p.askWith(t, http.Header{"X-Logmux-Timeout": {"1ms"}}, "name=fn")
			if !strings.Contains(got.failed(), "x=timeout") {
				t.Errorf("failed %q, want timeout", got.failed())
			}
		}},
		{"it says so of the head", true, func(t *testing.T, p *patient, _ <-chan struct{}) {
			got := p.askWith(t, http.Header{"X-Logmux-Header-Timeout": {"1ms"}}, "name=fn")
			if !strings.Contains(got.failed(), "x=timeout") {
				t.Errorf("failed %q, want timeout", got.failed())
			}
		}},
		{"its deadline is near", true, func(t *testing.T, p *patient, _ <-chan struct{}) {
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			messages, err := proxy.Requester[logsRequest, logsMessage]{Handler: p.Handler}.Query(ctx, logsRequest{Name: "fn"})
			if err != nil {
				t.Fatalf("what has arrived is not sent: %v", err)
			}
			for range messages {
			}
		}},
		{"its reason is its own", false, func(t *testing.T, p *patient, asked <-chan struct{}) {
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-asked
				cancel(errors.New("enough"))
			}()
			if _, err := (proxy.Requester[logsRequest, logsMessage]{Handler: p.Handler}).Query(ctx, logsRequest{Name: "fn"}); err == nil {
				t.Error("no error though it was cancelled")
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 100)
			p := ill(t, instead(func(_ http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				<-r.Context().Done()
			}), breaking(failures, never), headerWithin(bounds))
			for range failures + 2 {
				test.ask(t, p, asked)
				report := awaits(t, p.reports, "the end")
				if !test.waits && slices.ContainsFunc(report.Results, func(r proxy.Result) bool { return r.Outcome == proxy.Failed }) {
					t.Errorf("reported %+v, though nobody waits for the answer any more", report.Results)
				}
			}
			p.heal()
			p.wantSound(t)
		})
	}
}

// One that waits longer, and hears nothing, does say something.
func TestBreakerOfACallerThatIsNotInAHurry(t *testing.T) {
	p := ill(t, sample.HangBeforeHeader(), breaking(2, never), headerWithin(soon))
	for range 2 {
		got := p.askWith(t, http.Header{"X-Logmux-Timeout": {(soon * 9 / 10).String()}}, "name=fn")
		if !strings.Contains(got.failed(), "x=timeout") {
			t.Fatalf("failed %q, want timeout", got.failed())
		}
	}
	p.wantFailed(t, "breaker")
}

func TestBreakerOfARequiredUpstream(t *testing.T) {
	p := ill(t, sample.Refuse(503, nil), breaking(1, never), required)
	for _, want := range []string{"x=status-503", "x=breaker", "x=breaker"} {
		got := p.ask(t, "name=fn")
		if got.status != http.StatusBadGateway || got.failed() != want {
			t.Errorf("status %d, failed %q; want 502, %q", got.status, got.failed(), want)
		}
		name, reason, _ := strings.Cut(want, "=")
		if !strings.Contains(got.body, name+" failed: "+reason) {
			t.Errorf("body %q does not say what has failed", got.body)
		}
	}
}

// The operator reads why it is not asked.
func TestBreakerSaysWhatFailedLast(t *testing.T) {
	p := unreachable(t, breaking(2, never))
	p.wantFailed(t, "dial")
	p.wantFailed(t, "dial")
	got := p.ask(t, "name=fn")
	if len(got.warnings) != 1 || !strings.Contains(got.warnings[0].Text, "refused") || !strings.Contains(got.warnings[0].Text, "2 failures") {
		t.Errorf("warnings %v, want one that names the last failure", got.warnings)
	}
}
