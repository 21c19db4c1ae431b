package sample

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseQuery(t *testing.T) {
	since := time.Date(2026, 11, 22, 6, 0, 0, 500e6, time.UTC)
	tests := map[string]struct {
		raw  string
		want query
		bad  bool
	}{
		"nothing":           {},
		"everything":        {raw: "name=f&namespace=n&instance=i&tail=3&follow=true&since=2026-11-22T06:00:00.5Z", want: query{"f", "n", "i", since, 3, true}},
		"last value wins":   {raw: "name=a&name=b&tail=x&tail=2", want: query{name: "b", tail: 2}},
		"negative tail":     {raw: "tail=-1", want: query{tail: -1}},
		"bad tail":          {raw: "tail=ten", bad: true},
		"fraction of tail":  {raw: "tail=1.5", bad: true},
		"bad since":         {raw: "since=yesterday", bad: true},
		"unreadable follow": {raw: "follow=yes"},
		"follow=1":          {raw: "follow=1", want: query{follow: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			values, err := url.ParseQuery(test.raw)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseQuery(values)
			if (err != nil) != test.bad {
				t.Errorf("error %v, want one: %v", err, test.bad)
			}
			if !got.since.Equal(test.want.since) {
				t.Errorf("since %v, want %v", got.since, test.want.since)
			}
			if got.since = test.want.since; got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestOtherAnswers(t *testing.T) {
	tests := map[string]struct {
		method, target string
		want           int
		body           string
	}{
		"bad tail":   {"GET", "/system/logs?name=f&tail=x", 422, "could not parse the log request\n"},
		"bad since":  {"GET", "/system/logs?name=f&since=x", 422, "could not parse the log request\n"},
		"other path": {"GET", "/system/functions", 404, "404 page not found\n"},
		"post":       {"POST", "/system/logs?name=f", 405, "method not allowed\n"},
		"health":     {"GET", "/healthz", 200, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, provider := range []http.Handler{&FaasNetes{}, &Faasd{}, &Loki{}, &Static{}} {
				w := httptest.NewRecorder()
				provider.ServeHTTP(w, httptest.NewRequest(test.method, test.target, nil))
				if got := w.Body.String(); w.Code != test.want || got != test.body {
					t.Errorf("%T: %d %q, want %d %q", provider, w.Code, got, test.want, test.body)
				}
			}
		})
	}
}

func TestZeroProvidersHaveNoFunction(t *testing.T) {
	for want, providers := range map[int][]http.Handler{500: {&FaasNetes{}}, 200: {&Faasd{}, &Loki{}}} {
		for _, provider := range providers {
			if status, _ := ask(t, provider, "name=f"); status != want {
				t.Errorf("%T: status %d, want %d", provider, status, want)
			}
		}
	}
}

func TestEachLineIsAChunk(t *testing.T) {
	server := httptest.NewServer(netes(t))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /system/logs?name=half HTTP/1.1\r\nHost: sample\r\n\r\n")
	answer := bufio.NewReader(conn)
	readHead(t, answer)
	for line := range strings.Lines(fixture(t, "faas-netes-one-pod-500.ndjson")) {
		for _, want := range []string{fmt.Sprintf("%x\r\n", len(line)), line, "\r\n"} {
			if got, err := answer.ReadString('\n'); err != nil || got != want {
				t.Fatalf("got %q (%v), want %q", got, err, want)
			}
		}
	}
}

func TestTimeoutBreaksTheChunking(t *testing.T) {
	tests := map[string]func() http.Handler{
		"faas-netes": func() http.Handler { return &FaasNetes{Store: netesStore(t), Timeout: time.Minute} },
		"faasd":      func() http.Handler { return &Faasd{Store: netesStore(t), Timeout: time.Minute} },
		"stuck pod": func() http.Handler {
			provider := netes(t)
			provider.Timeout, provider.Pods = time.Minute, map[string]Pod{"nodeinfo-7d9f-bbbbb": {Stuck: true}}
			return provider
		},
	}
	for name, provider := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				defer func() {
					if broken, after := recover(), time.Since(start); broken != http.ErrAbortHandler || after != time.Minute {
						t.Errorf("panic %v after %v, want %v after 1m", broken, after, http.ErrAbortHandler)
					}
				}()
				ask(t, provider(), fmt.Sprintf("name=nodeinfo&tail=1&follow=%v", name != "stuck pod"))
			})
		})
	}
}

func TestBasicAuth(t *testing.T) {
	handler := BasicAuth("admin", "secret", netes(t))
	for name, want := range map[string]int{"secret": 200, "wrong": 401} {
		r := httptest.NewRequest(http.MethodGet, "/system/logs?name=nodeinfo", nil)
		r.SetBasicAuth("admin", name)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", name, w.Code, want)
		}
		if got := w.Header().Get("WWW-Authenticate"); want == 401 && got != `Basic realm="Restricted"` {
			t.Errorf("WWW-Authenticate %q", got)
		}
	}
}
