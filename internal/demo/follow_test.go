package demo

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

func TestTally(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		came  string
		cause error
		want  string
	}{
		{"each once", "b x a", nil, ""},
		{"each once, then the end", "a b", broken, ""},
		{"one missing", "x a", nil, "the follow ended after 1 of 2 lines"},
		{"broken", "b", broken, "the follow brought only 1 of 2 lines: broken"},
		{"one twice", "a b a", nil, "the follow brought 1 lines again"},
		{"one missing, one twice", "a a", nil, "the follow ended after 1 of 2 lines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tally := newTally([]entry{{"i", "a"}, {"i", "b"}})
			for _, text := range strings.Fields(tt.came) {
				tally.add(text)
			}
			got := ""
			if err := tally.check(tt.cause); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTallyIsCompleteOnce(t *testing.T) {
	tally := newTally([]entry{{"i", "a"}, {"i", "b"}})
	for _, step := range []struct {
		text string
		want bool
	}{{"a", false}, {"a", false}, {"x", false}, {"b", true}, {"b", false}} {
		if got := tally.add(step.text); got != step.want {
			t.Errorf("%s: got %v, want %v", step.text, got, step.want)
		}
	}
}

// The stand-in for logmux follows one store that every provider logs to.
func TestFollowTellsWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault sample.Fault
		want  string
	}{
		{name: "nothing"},
		{"a cut", sample.CutAfter(backlog + 5), "the follow brought only 5 of 24 lines: unexpected EOF"},
		{"a refusal", sample.Refuse(http.StatusBadGateway, nil), "502 Bad Gateway"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := new(sample.Store)
			ps := newProviders()
			for _, p := range ps {
				p.store = all
			}
			for _, h := range history[:backlog] {
				ps[0].store.Append(function, sample.Line{Instance: h.instance, Text: h.text})
			}
			if err := ps.start(); err != nil {
				t.Fatal(err)
			}
			defer ps.stop()
			logmux := &sample.Faults{Handler: &sample.FaasNetes{Store: all}}
			if tt.fault != nil {
				logmux.Set(tt.fault)
			}
			server := httptest.NewServer(logmux)
			defer server.Close()
			client := newClient(server.Listener.Addr())
			defer client.close()

			var out bytes.Buffer
			show := &show{ps, client, newPrinter(&out, ps, false)}
			err := show.follow(t.Context())
			if tt.want == "" {
				if err != nil || !strings.HasSuffix(out.String(), "\nall 24 lines appended meanwhile arrived, each once\n") {
					t.Errorf("%v, after\n%s", err, &out)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
