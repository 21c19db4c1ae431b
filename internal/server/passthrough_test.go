package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"
)

// passing serves a site that passes requests through to a provider, which has a
// path before its own if base is not empty.
func passing(t *testing.T, provider http.Handler, base string) (d *daemon, p *Passthrough, log *journal) {
	t.Helper()
	s := httptest.NewServer(provider)
	t.Cleanup(s.Close)
	target, err := url.Parse(strings.Replace(s.URL, "://", "://user:hidden@", 1) + base)
	if err != nil {
		t.Fatal(err)
	}
	log = &journal{}
	p = &Passthrough{Target: target, Via: "logmux-1", Logger: log.logger()}
	d = startServer(t, &Server{Logger: log.logger()}, &Site{Logs: answer("logs"), Passthrough: p, ShutdownTimeout: soon, Close: p.CloseIdleConnections})
	return d, p, log
}

// noted is a provider that tells of each request.
func noted() (provider http.HandlerFunc, requests <-chan *http.Request) {
	seen := make(chan *http.Request, 10)
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen <- r
	}, seen
}

// raw sends a request as it is written here, and reads the answer.
func (d *daemon) raw(request string) reply {
	d.t.Helper()
	conn := d.dial()
	defer conn.Close()
	io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return reply{err: err}
	}
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

func TestPassthroughKeepsPathAndQuery(t *testing.T) {
	provider, requests := noted()
	plain, _, _ := passing(t, provider, "")
	based, _, _ := passing(t, provider, "/base/")
	for _, uri := range []string{
		"/", "/system/functions", "/function/f/a%2Fb/%7e", "/a/../b/./c//d", "//double/slash", "/%c3%a9/\xc3\xa9",
		"/p?", "/p?a=1;b=2&c=%zz&d", "/p?x=a+b%20c&x=", "/odd/<a>|\"^`{}\\?q=<>|\"", "/~user/!$&'()*+,=:@;x", "/async-function/f?#x",
		"//odd<", // could be taken for a host as it is
		"/%",     // is none
	} {
		for _, tt := range []struct {
			d    *daemon
			want string
		}{{plain, strings.ReplaceAll(uri, "//odd<", "//odd%3C")}, {based, "/base" + uri}} {
			got := tt.d.raw("PROPFIND " + uri + " HTTP/1.1\r\nHost: logmux\r\n\r\n")
			if uri == "/%" {
				if got.code != 400 {
					t.Errorf("%s: got %+v", uri, got)
				}
				continue
			}
			if got.code != 200 {
				t.Errorf("%s: got %+v", uri, got)
				continue
			}
			if r := within(t, requests); r.RequestURI != tt.want || r.Method != "PROPFIND" {
				t.Errorf("got %s %s, want %s", r.Method, r.RequestURI, tt.want)
			}
		}
	}
}

func TestPassthroughKeepsHeaders(t *testing.T) {
	provider, requests := noted()
	d, _, _ := passing(t, provider, "")
	for _, tt := range []struct{ name, sent, want string }{
		{"as sent", "Authorization: Basic YTpi\r\nCookie: a=b\r\nX-Call-Id: 7\r\nAccept-Encoding: br, gzip\r\nX-Two: 1\r\nX-Two: 2",
			"Authorization: Basic YTpi\r\nCookie: a=b\r\nX-Call-Id: 7\r\nAccept-Encoding: br, gzip\r\nX-Two: 1\r\nX-Two: 2\r\n" +
				"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: gateway.example\r\nX-Forwarded-Proto: http\r\nVia: 1.1 logmux-1"},
		{"from a proxy", "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: faas.example\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.0.0.1\r\nVia: 1.1 edge, 1.0 logmux-2",
			"X-Forwarded-For: 10.0.0.1, 127.0.0.1\r\nX-Forwarded-Host: faas.example\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.0.0.1\r\nVia: 1.1 edge, 1.0 logmux-2\r\nVia: 1.1 logmux-1"},
		{"hop by hop", "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: x\r\nTe: trailers\r\nUser-Agent: curl",
			"Te: trailers\r\nUser-Agent: curl\r\n" +
				"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: gateway.example\r\nX-Forwarded-Proto: http\r\nVia: 1.1 logmux-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := d.raw("GET /system/info HTTP/1.1\r\nHost: gateway.example\r\n" + tt.sent + "\r\n\r\n"); got.code != 200 {
				t.Fatalf("got %+v", got)
			}
			r := within(t, requests)
			want, err := textproto.NewReader(bufio.NewReader(strings.NewReader(tt.want + "\r\n\r\n"))).ReadMIMEHeader()
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(r.Header) != fmt.Sprint(http.Header(want)) || r.Host != "gateway.example" {
				t.Errorf("got Host %s, %v\nwant %v", r.Host, r.Header, want)
			}
		})
	}
}

func TestPassthroughKeepsAnswers(t *testing.T) {
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	zip.Write([]byte("text"))
	zip.Close()
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			w.Header().Set("Location", "/elsewhere?a=b")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped.Bytes())
		case "/fails":
			w.Header().Set("Retry-After", "7")
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		}
	}), "")
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d.client.Transport = &http.Transport{DisableCompression: true}
	for _, tt := range []struct {
		path          string
		code          int
		field, header string
		body          string
	}{
		{"/redirect", 307, "Location", "/elsewhere?a=b", ""},
		{"/gzip", 200, "Content-Encoding", "gzip", zipped.String()},
		{"/fails", 503, "Retry-After", "7", "out of order\n"},
		{"/nothing", 204, "Content-Length", "", ""},
	} {
		got := d.do(http.MethodPost, tt.path)
		if got.err != nil || got.code != tt.code || got.header.Get(tt.field) != tt.header || got.body != tt.body {
			t.Errorf("%s: got %+v", tt.path, got)
		}
	}
}

func TestPassthroughTrailers(t *testing.T) {
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Announced")
		io.WriteString(w, r.Trailer.Get("X-Sum"))
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	}), "")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url, strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength, req.Trailer = -1, http.Header{"X-Sum": {"4"}}
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "4" {
		t.Errorf("the provider got trailer %q, %v", got, err)
	}
	if resp.Trailer.Get("X-Announced") != "1" || resp.Trailer.Get("X-Late") != "2" {
		t.Errorf("got trailers %v", resp.Trailer)
	}
}

func TestPassthroughOfInformation(t *testing.T) {
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "text")
	}), "")
	var hints []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h.Get("Link")))
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.send(req); got.body != "text" || len(hints) != 1 || hints[0] != "103</style.css>" {
		t.Errorf("got %+v after %v", got, hints)
	}
}

// Nothing of a body is sent unless the provider asks for it.
func TestPassthroughOfExpectations(t *testing.T) {
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuses" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}), "")
	for path, want := range map[string]string{"/takes": "HTTP/1.1 100 Continue\r\n", "/refuses": "HTTP/1.1 413 Request Entity Too Large\r\n"} {
		conn := d.dial()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: logmux\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", path)
		in := bufio.NewReader(conn)
		if got, err := in.ReadString('\n'); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
		}
		if path == "/refuses" {
			continue
		}
		in.ReadString('\n')
		io.WriteString(conn, "text")
		resp, err := http.ReadResponse(in, nil)
		for err == nil && resp.StatusCode == http.StatusContinue { // there may be several
			resp, err = http.ReadResponse(in, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "text" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// A provider may answer while it reads.
func TestPassthroughStreamsBothWays(t *testing.T) {
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.EnableFullDuplex()
		w.Header().Set("Content-Length", "6") // else ReverseProxy flushes unasked
		for buf := make([]byte, 10); ; {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			c.Flush()
			if err != nil {
				return
			}
		}
	}), "")
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url, in)
	if err != nil {
		t.Fatal(err)
	}
	go out.Write([]byte("a\n"))
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for _, next := range []string{"b\n", "c\n", ""} {
		if got, err := lines.ReadString('\n'); err != nil || len(got) != 2 {
			t.Fatalf("got %q, %v", got, err)
		}
		if next == "" {
			out.Close()
		} else {
			out.Write([]byte(next))
		}
	}
	if got, err := io.ReadAll(lines); err != nil || len(got) > 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

// A connection ends where an answer left a part of its request unread, and only
// there: that part must not be taken for the next request.
func TestPassthroughOfABodyThatIsNotRead(t *testing.T) {
	d, _, log := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/reads" {
			io.Copy(io.Discard, r.Body)
		} else {
			w.Header().Set("Connection", "close") // or the test's own server reads it
		}
		io.WriteString(w, "answer")
	}), "")
	const smuggled = "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\n\r\n"
	for path, want := range map[string]bool{"/reads": false, "/ignores": true} {
		conn := d.dial()
		sent := 10
		if path == "/reads" {
			sent = 0
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: logmux\r\nContent-Length: %d\r\n\r\n", path, sent+len("text"))
		io.WriteString(conn, "text")
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "answer" || resp.Close != want {
			t.Errorf("%s: got %q, close %v, %v", path, got, resp.Close, err)
		}
		io.WriteString(conn, smuggled)
		next, err := http.ReadResponse(in, nil)
		if want != (err != nil) {
			t.Errorf("%s: the next request got %+v, %v", path, next, err)
		}
	}
	if log.String() != "" {
		t.Errorf("logged:\n%s", log)
	}
}

// Where the provider answers before it has the body, and the client sends no
// more of that, it is let go.
func TestPassthroughOfABodyThatNeverEnds(t *testing.T) {
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "answer")
	}), "")
	begin := time.Now()
	got := d.raw("POST / HTTP/1.1\r\nHost: logmux\r\nContent-Length: 100\r\n\r\nx")
	if got.code != http.StatusOK || got.body != "answer" || time.Since(begin) > lingerTimeout/2 {
		t.Errorf("got %+v after %v", got, time.Since(begin))
	}
	conn := d.dial()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: logmux\r\nContent-Length: 100\r\n\r\nx")
	if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), "answer") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPassthroughOfALoop(t *testing.T) {
	provider, requests := noted()
	d, _, _ := passing(t, provider, "")
	for _, tt := range []struct {
		via  string
		code int
	}{
		{"1.1 logmux-1", 508},
		{"1.1 edge (nginx), 1.1 logmux-1 (here)", 508},
		{"1.1 edge\r\nVia: HTTP/1.1 logmux-1", 508},
		{"1.1 logmux-10", 200},
		{"logmux-1", 200},
	} {
		if got := d.raw("GET / HTTP/1.1\r\nHost: logmux\r\nVia: " + tt.via + "\r\n\r\n"); got.code != tt.code {
			t.Errorf("Via: %s: got %+v, want %d", tt.via, got, tt.code)
		}
		if tt.code == 200 {
			within(t, requests)
		}
	}
	if len(requests) > 0 {
		t.Error("the provider was asked")
	}
}

func TestPassthroughIsNoForwardProxy(t *testing.T) {
	provider, requests := noted()
	d, _, _ := passing(t, provider, "")
	for _, head := range []string{"CONNECT example.com:443 HTTP/1.1", "PRI * HTTP/2.0"} {
		if got := d.raw(head + "\r\nHost: example.com\r\n\r\n"); got.code != http.StatusNotImplemented {
			t.Errorf("%s: got %+v", head, got)
		}
	}
	if got := d.raw("GET http://example.com/path HTTP/1.1\r\nHost: logmux\r\n\r\n"); got.code != 200 {
		t.Errorf("got %+v", got)
	}
	if r := within(t, requests); r.RequestURI != "/path" || r.Host != "example.com" {
		t.Errorf("got %s for %s", r.RequestURI, r.Host)
	}
	if got := d.raw("OPTIONS * HTTP/1.1\r\nHost: logmux\r\n\r\n"); got.code != 200 || len(requests) > 0 {
		// The test's own server answers it without the provider.
		t.Errorf("got %+v", got)
	}
}

func TestPassthroughClosesIdleConnections(t *testing.T) {
	states := make(chan http.ConnState, 10)
	s := httptest.NewUnstartedServer(answer("text"))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) { states <- state }
	s.Start()
	defer s.Close()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var log journal
	p := &Passthrough{Target: target, Logger: log.logger()}
	d := start(t, &Site{Passthrough: p, Close: p.CloseIdleConnections})
	if got := d.get("/"); got.body != "text" {
		t.Errorf("got %+v", got)
	}
	for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle} {
		if got := within(t, states); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	d.Swap(&Site{})
	if got := within(t, states); got != http.StateClosed {
		t.Errorf("got %v", got)
	}
}

func TestCloseIdleConnectionsOfAnUnusedPassthrough(*testing.T) {
	new(Passthrough).CloseIdleConnections()
}
