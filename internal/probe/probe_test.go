package probe

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store has lines of two instances, in turn, of the last minutes.
func store(instances ...string) *sample.Store {
	s := &sample.Store{}
	start := time.Now().Add(-4 * time.Minute)
	for i := range 40 {
		at := start.Add(time.Duration(i) * 1234567 * time.Microsecond)
		s.Append("figlet", sample.Line{Instance: instances[i%len(instances)], Time: at, Text: "line " + strconv.Itoa(i)})
	}
	return s
}

// informed answers /system/info as a provider of faas-provider does.
func informed(info string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/system/info" {
			io.WriteString(w, info)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func status(code int, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	})
}

func question(t *testing.T, provider http.Handler, kind string) Question {
	t.Helper()
	server := httptest.NewServer(provider)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return Question{Upstream: proxy.Upstream{Name: "up", URL: target}, Kind: kind, Function: "figlet"}
}

func ask1(t *testing.T, q Question) Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return All(ctx, []Question{q})[0]
}

func TestKinds(t *testing.T) {
	pods, pids := store("figlet-1", "figlet-2"), store("4711", "4712")
	for _, tt := range []struct {
		name     string
		provider http.Handler
		without  string // what it seems to be if no function is named
		want     string
	}{
		{"faas-netes", &sample.FaasNetes{Store: pods}, "faas-netes", "faas-netes"},
		{"faasd", &sample.Faasd{Store: pids}, "faasd or openfaas-loki", "faasd"},
		{"openfaas-loki", &sample.Loki{Store: pods, Interleave: true}, "faasd or openfaas-loki", "openfaas-loki"},
		{"a provider that says what it is", informed(`{"provider":"faas-netes","orchestration":"kubernetes"}`, &sample.Loki{}), "faas-netes", "faas-netes"},
		{"a gateway that says what is behind it", informed(`{"provider":{"provider":"faasd-ce","orchestration":"containerd"}}`, &sample.Loki{}), "faasd", "faasd"},
		{"a gateway that says what else is behind it", informed(`{"provider":{"provider":"faas-netes"}}`, &sample.Loki{Store: pods, Interleave: true}), "faas-netes", "openfaas-loki"},
		{"logmux", status(http.StatusOK, "X-Logmux-Absent", "edge"), "logmux", "logmux"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := question(t, tt.provider, tt.want)
			for function, want := range map[string]string{"": tt.without, "figlet": tt.want} {
				q.Function = function
				if got := ask1(t, q); got.Failure != nil || got.Seems != want {
					t.Errorf("function %q: got %+v, want %s", function, got, want)
				}
			}
		})
	}
}

func TestStates(t *testing.T) {
	for _, tt := range []struct {
		name     string
		provider http.Handler
		want     proxy.Reason // empty: none
		note     string
	}{
		{"it answers", &sample.Faasd{}, "", ""},
		{"wrong credentials", sample.BasicAuth("admin", "secret", &sample.Faasd{}), proxy.ReasonAuth, ""},
		{"a redirect", status(http.StatusFound, "Location", "https://user:secret@elsewhere.example/path?token=secret"), "status-302", ""},
		{"a broken one", status(http.StatusInternalServerError), "status-500", ""},
		{"a page", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>welcome</html>") }), proxy.ReasonMalformed, ""},
		{"a logmux with an upstream that is down", status(http.StatusBadGateway, "X-Logmux-Failed", "edge=dial"), "", "edge=dial"},
		{"a wrong path", http.NotFoundHandler(), "", "path of its url"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask1(t, question(t, tt.provider, "generic"))
			var reason proxy.Reason
			if got.Failure != nil {
				reason = got.Failure.Reason
			}
			if reason != tt.want {
				t.Errorf("got %q (%v), want %q", reason, got.Failure, tt.want)
			}
			if all := strings.Join(got.Notes, "\n"); !strings.Contains(all, tt.note) {
				t.Errorf("no %q in the notes: %s", tt.note, all)
			}
			if got.Failure != nil && strings.Contains(got.Failure.Error(), "secret") {
				t.Errorf("a secret is shown: %v", got.Failure)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	target, _ := url.Parse(server.URL)
	got := ask1(t, Question{Upstream: proxy.Upstream{Name: "up", URL: target, Required: true}})
	if got.Failure == nil || got.Failure.Reason != proxy.ReasonDial || !got.Required {
		t.Errorf("got %+v, want a failed dial of a required one", got)
	}
}

func TestCredentialsAreSent(t *testing.T) {
	q := question(t, sample.BasicAuth("admin", "secret", &sample.Faasd{}), "faasd")
	q.Upstream.Authorization = func() (string, error) { return "Basic YWRtaW46c2VjcmV0", nil }
	if got := ask1(t, q); got.Failure != nil {
		t.Errorf("got %v", got.Failure)
	}
}

func TestClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"same": 0, "ahead": time.Hour, "behind": -time.Minute} {
		t.Run(name, func(t *testing.T) {
			got := ask1(t, question(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			}), "faasd"))
			if got.Skew == nil || (*got.Skew-ahead).Abs() > time.Second {
				t.Errorf("got %v, want %v", got.Skew, ahead)
			}
			if told := strings.Contains(strings.Join(got.Notes, "\n"), "its clock is"); told != (ahead != 0) {
				t.Errorf("the notes are %q", got.Notes)
			}
		})
	}
}

// What the config says of a provider is held against what it does.
func TestBehaviourAgainstTheConfig(t *testing.T) {
	pods := store("figlet-1", "figlet-2")
	netes, loki := &sample.FaasNetes{Store: pods, Interleave: true}, &sample.Loki{Store: pods, Interleave: true}
	for _, tt := range []struct {
		name     string
		provider http.Handler
		change   func(*proxy.Upstream)
		want     string // in a note; empty: none
	}{
		{"faas-netes as it is", netes, func(u *proxy.Upstream) { u.SinceSlack = 2 * time.Second }, ""},
		{"not sorted", netes, func(u *proxy.Upstream) { u.Ordered, u.SinceSlack = true, 2*time.Second }, "ordered: false"},
		{"late without slack", netes, func(*proxy.Upstream) {}, "since_slack"},
		{"newest, not oldest", netes, func(u *proxy.Upstream) { u.TailMode, u.SinceSlack = proxy.TailOldest, 2*time.Second }, "tail_mode: newest"},
		{"openfaas-loki as it is", loki, func(u *proxy.Upstream) { u.TailMode = proxy.TailOldest }, ""},
		{"oldest, not newest", loki, func(*proxy.Upstream) {}, "tail_mode: oldest"},
		{"a tail that is no matter", loki, func(u *proxy.Upstream) { u.TailMode = proxy.TailAll }, ""},
		{"no lines", &sample.FaasNetes{}, func(*proxy.Upstream) {}, "figlet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := question(t, tt.provider, "generic")
			tt.change(&q.Upstream)
			got := ask1(t, q)
			notes := strings.Join(got.Notes, "\n")
			if got.Failure != nil || (notes == "") != (tt.want == "") || !strings.Contains(notes, tt.want) {
				t.Errorf("got %v, %q, want %q", got.Failure, notes, tt.want)
			}
		})
	}
}

func TestTheKindIsHeldAgainstWhatIsSeen(t *testing.T) {
	got := ask1(t, question(t, &sample.FaasNetes{Store: store("a")}, "faasd"))
	if want := "kind is faasd, but it seems to be faas-netes"; len(got.Notes) == 0 || got.Notes[len(got.Notes)-1] != want {
		t.Errorf("got %q, want %q", got.Notes, want)
	}
}
