package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
)

// cluster serves one line of a function's log, as an OpenFaaS log provider does.
func cluster(timestamp, text string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprintf(w, `{"name":%q,"instance":"pod","timestamp":%q,"text":%q}`+"\n", r.URL.Query().Get("name"), timestamp, text)
	}))
}

// The logs of two clusters are served as those of one. A third does not answer,
// and whoever reads the logs is told.
func ExampleHandler() {
	east, west := cluster("2026-01-02T15:04:06Z", "second"), cluster("2026-01-02T15:04:05Z", "first")
	defer east.Close()
	defer west.Close()
	handler := &proxy.Handler{Timeout: 10 * time.Second}
	for _, u := range []struct{ name, url string }{{"east", east.URL}, {"west", west.URL}, {"north", "http://127.0.0.1:1"}} {
		base, err := url.Parse(u.url)
		if err != nil {
			log.Fatal(err)
		}
		handler.Upstreams = append(handler.Upstreams, proxy.Upstream{Name: u.name, URL: base})
	}
	defer handler.CloseIdleConnections()

	mux := http.NewServeMux()
	mux.Handle("/system/logs", handler)
	server := httptest.NewServer(mux)
	defer server.Close()

	resp, err := http.Get(server.URL + "/system/logs?name=figlet&tail=10")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	fmt.Println(resp.Status)
	fmt.Println("ok:", resp.Header.Get("X-Logmux-Ok"))
	fmt.Println("failed:", resp.Header.Get("X-Logmux-Failed"))
	for lines := json.NewDecoder(resp.Body); lines.More(); {
		var line struct{ Instance, Text string }
		if err := lines.Decode(&line); err != nil {
			log.Fatal(err)
		}
		if line.Instance == "logmux" { // its text says why, in words of the system
			line.Text = "(a warning)"
		}
		fmt.Println(line.Text)
	}
	// Output:
	// 200 OK
	// ok: east,west
	// failed: north=dial
	// first
	// second
	// (a warning)
}

// These are Request and Message of github.com/openfaas/faas-provider/logs, which
// a provider would use instead.
type (
	Request struct {
		Name      string     `json:"name"`
		Namespace string     `json:"namespace"`
		Instance  string     `json:"instance"`
		Since     *time.Time `json:"since"`
		Tail      int        `json:"tail"`
		Follow    bool       `json:"follow"`
	}
	Message struct {
		Name      string    `json:"name"`
		Namespace string    `json:"namespace"`
		Instance  string    `json:"instance"`
		Timestamp time.Time `json:"timestamp"`
		Text      string    `json:"text"`
	}
)

// A provider serves the logs of two others as its own: the requester is what
// faas-provider's logs.NewLogHandlerFunc takes.
func ExampleRequester() {
	east, west := cluster("2026-01-02T15:04:06Z", "second"), cluster("2026-01-02T15:04:05Z", "first")
	defer east.Close()
	defer west.Close()
	handler := &proxy.Handler{}
	for name, server := range map[string]*httptest.Server{"east": east, "west": west} {
		base, err := url.Parse(server.URL)
		if err != nil {
			log.Fatal(err)
		}
		handler.Upstreams = append(handler.Upstreams, proxy.Upstream{Name: name, URL: base})
	}
	defer handler.CloseIdleConnections()

	requester := proxy.Requester[Request, Message]{Handler: handler}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // whoever stops reading before the channel is closed has to
	messages, err := requester.Query(ctx, Request{Name: "figlet"})
	if err != nil {
		log.Fatal(err)
	}
	for m := range messages {
		fmt.Println(m.Timestamp.Format(time.TimeOnly), m.Name, m.Text)
	}
	// Output:
	// 15:04:05 figlet first
	// 15:04:06 figlet second
}

// A function that no upstream has is an error of its own.
func ExampleStatusError() {
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	base, err := url.Parse(none.URL)
	if err != nil {
		log.Fatal(err)
	}
	handler := &proxy.Handler{Upstreams: []proxy.Upstream{{Name: "east", URL: base}}}
	defer handler.CloseIdleConnections()

	_, err = proxy.Requester[Request, Message]{Handler: handler}.Query(context.Background(), Request{Name: "figlet"})
	if e, ok := err.(*proxy.StatusError); ok {
		fmt.Println(e.Status, e)
	}
	// Output: 500 function log request failed: figlet is on no upstream
}
