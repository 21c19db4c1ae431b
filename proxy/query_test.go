package proxy_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

const slack = 2 * time.Second

func slackful(u *proxy.Upstream)        { u.SinceSlack = slack }
func tailAll(u *proxy.Upstream)         { u.TailMode = proxy.TailAll }
func tailNewest(u *proxy.Upstream)      { u.TailMode = proxy.TailNewest }
func honoursInstance(u *proxy.Upstream) { u.HonoursInstance = true }

// asks returns the parameters that an upstream gets for a request, each of them once.
func asks(t *testing.T, query string, options ...option) map[string]string {
	t.Helper()
	asked := &sample.Recorder{Handler: answers()}
	got := newProxy(t, serve(t, "a", asked, options...)).ask(t, query)
	if got.status != 200 || len(asked.Queries()) != 1 {
		t.Fatalf("status %d, asked %d times: %s", got.status, len(asked.Queries()), got.body)
	}
	parameters := map[string]string{}
	for name, values := range asked.Queries()[0] {
		if len(values) != 1 {
			t.Errorf("%s is asked %d times", name, len(values))
		}
		parameters[name] = values[0]
	}
	if f := parameters["follow"]; f != "" && f != "false" {
		t.Errorf("a bounded request is asked with follow=%s", f)
	}
	delete(parameters, "follow")
	return parameters
}

func TestUpstreamIsAsked(t *testing.T) {
	for _, test := range []struct {
		name, query string
		options     []option
		want        map[string]string
	}{
		{"the name", "name=fn", nil, map[string]string{"name": "fn"}},
		{"the last name", "name=x&name=fn", nil, map[string]string{"name": "fn"}},
		{"namespace", "name=fn&namespace=ns", nil, map[string]string{"name": "fn", "namespace": "ns"}},
		{"instance", "name=fn&instance=pod/a:1", nil, map[string]string{"name": "fn", "instance": "pod/a:1"}},
		{"tail", "name=fn&tail=5", nil, map[string]string{"name": "fn", "tail": "5"}},
		{"tail of the newest", "name=fn&tail=5", []option{tailNewest}, map[string]string{"name": "fn", "tail": "5"}},
		{"tail of an ordered one", "name=fn&tail=5", []option{ordered}, map[string]string{"name": "fn", "tail": "5"}},
		{"tail that is not to be relied upon", "name=fn&tail=5", []option{tailAll}, map[string]string{"name": "fn"}},
		{"tail of all, and of an instance", "name=fn&tail=5&instance=a", []option{tailAll, honoursInstance}, map[string]string{"name": "fn", "instance": "a"}},
		{"tail of an instance that is ignored", "name=fn&tail=5&instance=a", nil, map[string]string{"name": "fn", "instance": "a"}},
		{"tail of an instance that is honoured", "name=fn&tail=5&instance=a", []option{honoursInstance}, map[string]string{"name": "fn", "instance": "a", "tail": "5"}},
		{"no tail", "name=fn&tail=0", nil, map[string]string{"name": "fn"}},
		{"tail below 0", "name=fn&tail=-1", nil, map[string]string{"name": "fn"}},
		{"unparseable follow", "name=fn&follow=maybe", nil, map[string]string{"name": "fn"}},
		{"nothing that is ours or unknown", "name=fn&warnings=off&color=blue", nil, map[string]string{"name": "fn"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := asks(t, test.query, test.options...); !maps.Equal(got, test.want) {
				t.Errorf("%q is asked as %v, want %v", test.query, got, test.want)
			}
		})
	}
}

func TestSinceIsAsked(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name, since string
		options     []option
		want        time.Time // zero: now
		slack       time.Duration
	}{
		{"as it is", "2020-02-03T04:05:06Z", nil, second(0), 0},
		{"with its fraction", "2020-02-03T04:05:06.000000001Z", nil, second(0).Add(1), 0},
		{"with its offset", "2020-02-03T09:35:06%2B05:30", nil, second(0), 0},
		{"earlier by the slack", "2020-02-03T04:05:06Z", []option{slackful}, second(-2), slack},
		{"earlier by the slack, with its fraction", "2020-02-03T04:05:06.5Z", []option{slackful}, second(-1.5), slack},
		{"a moment ago", now.Add(-time.Second).UTC().Format(time.RFC3339Nano), []option{slackful}, now.Add(-time.Second - slack), slack},
		{"now", now.UTC().Format(time.RFC3339Nano), []option{slackful}, now.Add(-slack), slack},
		{"in the future", now.Add(time.Hour).UTC().Format(time.RFC3339Nano), nil, time.Time{}, 0},
		{"in the future, earlier by the slack", now.Add(time.Hour).UTC().Format(time.RFC3339Nano), []option{slackful}, time.Time{}, slack},
		{"in the year 9999", "9999-12-31T23:59:59Z", []option{slackful}, time.Time{}, slack},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := time.Now()
			since := asks(t, "name=fn&since="+test.since, test.options...)["since"]
			got, err := time.Parse(time.RFC3339, since)
			if err != nil {
				t.Fatalf("asked since %q: %v", since, err)
			}
			if !test.want.IsZero() && !got.Equal(test.want) {
				t.Errorf("asked since %v, want %v", got, test.want)
			}
			if test.want.IsZero() && got.Before(before.Add(-test.slack)) || got.After(time.Now().Add(-test.slack)) {
				t.Errorf("asked since %v, want %v less %v", got, before, test.slack)
			}
		})
	}
}

// Whatever since is asked for, the upstream is asked for one that it can read.
func TestEarliestSinceIsReadable(t *testing.T) {
	for _, since := range []string{"0000-01-01T00:00:00Z", "0000-01-01T00:00:00%2B14:00", "0001-01-01T00:00:01Z", "1677-01-01T00:00:00Z"} {
		t.Run(since, func(t *testing.T) {
			asked, ok := asks(t, "name=fn&since="+since, slackful)["since"]
			if _, err := time.Parse(time.RFC3339, asked); ok && err != nil {
				t.Errorf("asked since %q: %v", asked, err)
			}
		})
	}
}

func TestClientHeadersStayHere(t *testing.T) {
	asked := &sample.Recorder{Handler: answers()}
	u := serve(t, "a", asked)
	u.Header = http.Header{"X-Tenant": {"logs"}}
	p := newProxy(t, u)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/system/logs?name=fn", nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := http.Header{
		"Authorization":       {"Basic Y2xpZW50"},
		"Proxy-Authorization": {"Basic Y2xpZW50"},
		"Cookie":              {"session=client"},
		"User-Agent":          {"client/1"},
		"Accept":              {"application/client"},
		"Accept-Language":     {"client"},
		"Accept-Encoding":     {"gzip, client"},
		"X-Forwarded-For":     {"192.0.2.1, client"},
		"X-Forwarded-Host":    {"client"},
		"X-Client":            {"client"},
		"X-Tenant":            {"client"},
		"Range":               {"bytes=0-client"},
		"If-Modified-Since":   {"client"},
	}
	req.Header = mine
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(asked.Headers()) != 1 {
		t.Fatalf("asked %d times", len(asked.Headers()))
	}
	got := asked.Headers()[0]
	for name, values := range got {
		if joined := strings.Join(values, ","); strings.Contains(joined, "client") || strings.Contains(joined, "Y2xpZW50") {
			t.Errorf("the client's %s: %s", name, joined)
		}
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie", "Range", "If-Modified-Since"} {
		if got[name] != nil {
			t.Errorf("%s: %s", name, got[name])
		}
	}
	if want := []string{"identity"}; !slices.Equal(got["Accept-Encoding"], want) {
		t.Errorf("Accept-Encoding %q, want %q", got["Accept-Encoding"], want)
	}
	if want := []string{"logs"}; !slices.Equal(got["X-Tenant"], want) {
		t.Errorf("the configured X-Tenant is %q, want %q", got["X-Tenant"], want)
	}
}

func TestUpstreamURL(t *testing.T) {
	for _, test := range []struct{ name, base, path, auth string }{
		{"plain", "", "/system/logs", ""},
		{"slash", "/", "/system/logs", ""},
		{"path", "/eu/west", "/eu/west/system/logs", ""},
		{"path and slash", "/eu/west/", "/eu/west/system/logs", ""},
		{"user info", "", "/system/logs", "Basic YWRtaW46czNjcmV0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := make(chan *http.Request, 1)
			u := serve(t, "a", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r }))
			u.URL.Path = test.base
			if test.auth != "" {
				u.URL.User = url.UserPassword("admin", "s3cret")
			}
			newProxy(t, u).ask(t, "name=fn")
			r := awaits(t, asked, "the request")
			if r.Method != "GET" || r.URL.Path != test.path || r.Header.Get("Authorization") != test.auth {
				t.Errorf("%s %s, Authorization %q; want %s, %q", r.Method, r.URL.Path, r.Header.Get("Authorization"), test.path, test.auth)
			}
		})
	}
}

// Providers ignore or round what they are asked; the answer is exact.
func TestFilters(t *testing.T) {
	in := func(namespace, instance string, at time.Time, text string) string {
		return fmt.Sprintf(`{"name":"fn","namespace":%q,"instance":%q,"timestamp":%q,"text":%q}`+"\n", namespace, instance, at.Format(time.RFC3339Nano), text)
	}
	var (
		a1   = in("", "a", second(1), "1")
		b2   = in("ns", "b", second(2), "2")
		a3   = in("other", "a", second(3), "3")
		a4   = in("ns", "a", second(4), "4")
		aa5  = in("ns", "aa", second(5), "5")
		A6   = in("NS", "A", second(6), "6")
		a7   = `{"timestamp":"2020-02-03T05:05:13+01:00", "INSTANCE":"a", "text":"\u0037"}` + "\n"
		none = in("", "", second(8), "8")
		all  = a1 + b2 + a3 + a4 + aa5 + A6 + a7 + none
		page = "not a message\n"
	)
	for _, test := range []struct{ name, query, want string }{
		{"all", "", all},
		{"instance", "&instance=a", a1 + a3 + a4 + a7},
		{"instance in capitals", "&instance=A", A6},
		{"no such instance", "&instance=nobody", ""},
		{"namespace, or none", "&namespace=ns", a1 + b2 + a4 + aa5 + a7 + none},
		{"namespace in capitals", "&namespace=NS", a1 + A6 + a7 + none},
		{"namespace and instance", "&namespace=ns&instance=a", a1 + a4 + a7},
		{"since the very instant", "&since=2020-02-03T04:05:10Z", a4 + aa5 + A6 + a7 + none},
		{"since a nanosecond later", "&since=2020-02-03T04:05:10.000000001Z", aa5 + A6 + a7 + none},
		{"since a nanosecond earlier", "&since=2020-02-03T04:05:09.999999999Z", a4 + aa5 + A6 + a7 + none},
		{"since with an offset", "&since=2020-02-02T22:35:13-05:30", a7 + none},
		{"everything", "&since=2020-02-03T04:05:08Z&instance=a&namespace=ns", a4 + a7},
		{"tail of the filtered", "&instance=a&tail=2", a4 + a7},
		{"tail of the filtered, further", "&since=2020-02-03T04:05:08Z&instance=a&namespace=ns&tail=1", a7},
		{"tail of what is left", "&namespace=NS&tail=50", a1 + A6 + a7 + none},
	} {
		for _, way := range []struct {
			name    string
			options []option
		}{{"sorted", []option{slackful}}, {"streamed", []option{slackful, ordered}}} {
			t.Run(test.name+"/"+way.name, func(t *testing.T) {
				got := newProxy(t, serve(t, "a", answers(all), way.options...)).ask(t, "name=fn"+test.query)
				got.holds(t, test.want)

				// A line that is no message is of any instance, namespace and time.
				got = newProxy(t, serve(t, "a", answers(page, all), way.options...)).ask(t, "name=fn&tail=1"+test.query)
				if !strings.Contains(got.logs, `"text":"not a message"`) {
					t.Errorf("the wrapped line is missing from %q", got.logs)
				}
			})
		}
	}
}

// A tail of an instance, from a provider that would cut first and never filter.
func TestTailOfAnInstance(t *testing.T) {
	s := new(sample.Store)
	start := windowEnd.Add(-time.Minute)
	for i := range 50 {
		s.Append("fn", sample.Line{Instance: fmt.Sprint(1000 + i%10), Time: start.Add(time.Duration(i) * time.Second), Text: fmt.Sprint("line ", i)})
	}
	for name, handler := range map[string]http.Handler{
		"faas-netes": &sample.FaasNetes{Store: s, Now: windowClock},
		"faasd":      &sample.Faasd{Store: s, Now: windowClock, Systemd: 254},
	} {
		t.Run(name, func(t *testing.T) {
			got := newProxy(t, serve(t, "a", handler)).ask(t, "name=fn&instance=1003&tail=2")
			var texts []string
			for _, m := range decodeAll(t, got.body) {
				texts = append(texts, strings.TrimSpace(m.Text))
			}
			if want := []string{"line 33", "line 43"}; !slices.Equal(texts, want) {
				t.Errorf("%q, want %q", texts, want)
			}
		})
	}
}
