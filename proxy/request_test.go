package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// Each upstream answers with the lines 1 to 5 of instance pod-a.
func fiveLines() string {
	var body string
	for i := range 5 {
		body += logLine("pod-a", second(float64(i+1)), fmt.Sprintf("line %d", i+1))
	}
	return body
}

func lastLines(body string, n int) string {
	lines := splitLines(body)
	return strings.Join(lines[len(lines)-n:], "")
}

func TestRequestIsRefused(t *testing.T) {
	for _, test := range []struct{ name, query, parameter string }{
		{"no query", "", "name"},
		{"no name", "namespace=openfaas-fn&tail=5", "name"},
		{"empty name", "name=", "name"},
		{"the last name is empty", "name=fn&name=", "name"},
		{"a name that cannot be unescaped", "name=%zz", "name"},
		{"quote in the name", "name=" + url.QueryEscape(`fn"} or {x="`), "name"},
		{"slash in the name", "name=a/b", "name"},
		{"colon in the name", "name=a:b", "name"},
		{"space in the name", "name=a+b", "name"},
		{"newline in the name", "name=a%0Ab", "name"},
		{"NUL in the name", "name=a%00", "name"},
		{"letter beyond ASCII in the name", "name=caf%C3%A9", "name"},
		{"invalid UTF-8 in the name", "name=a%FF", "name"},
		{"the last name is bad", "name=fn&name=a%22", "name"},
		{"quote in the namespace", "name=fn&namespace=a%22", "namespace"},
		{"slash in the namespace", "name=fn&namespace=a/b", "namespace"},
		{"quote in the instance", "name=fn&instance=a%22", "instance"},
		{"backslash in the instance", "name=fn&instance=a%5C", "instance"},
		{"brace in the instance", "name=fn&instance=%7Ba", "instance"},
		{"since in words", "name=fn&since=yesterday", "since"},
		{"since as an age", "name=fn&since=5m", "since"},
		{"since in seconds", "name=fn&since=1700000000", "since"},
		{"since without a zone", "name=fn&since=2020-02-03T04:05:06", "since"},
		{"since whose plus became a space", "name=fn&since=2020-02-03T04:05:06+01:00", "since"},
		{"the 30th of February", "name=fn&since=2020-02-30T04:05:06Z", "since"},
		{"the last since is bad", "name=fn&since=2020-02-03T04:05:06Z&since=x", "since"},
		{"since with a newline", "name=fn&since=%0Aa", "since"},
		{"tail in words", "name=fn&tail=all", "tail"},
		{"half a tail", "name=fn&tail=1.5", "tail"},
		{"tail with a space", "name=fn&tail=5+", "tail"},
		{"tail beyond any integer", "name=fn&tail=99999999999999999999", "tail"},
		{"the last tail is bad", "name=fn&tail=5&tail=x", "tail"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := &sample.Recorder{Handler: answers(fiveLines())}
			p := newProxy(t, serve(t, "a", asked))
			got := p.ask(t, test.query)
			if got.status != http.StatusUnprocessableEntity {
				t.Fatalf("status %d, want 422: %s", got.status, got.body)
			}
			if strings.Count(got.body, "\n") != 1 || !strings.HasSuffix(got.body, "\n") || strings.ContainsAny(got.body, "\r\x00") {
				t.Errorf("not one plain line: %q", got.body)
			}
			if !regexp.MustCompile(`\b` + test.parameter + `\b`).MatchString(got.body) {
				t.Errorf("%q does not name the parameter %q", got.body, test.parameter)
			}
			if n := len(asked.Queries()); n != 0 {
				t.Errorf("the upstream was asked %d times", n)
			}
		})
	}
}

func TestRequestIsAnswered(t *testing.T) {
	five := fiveLines()
	for _, test := range []struct{ name, query, want string }{
		{"every character of a name", "name=aZ09-_.&namespace=aZ09-_.", five},
		{"every further one of an instance", "name=fn&instance=aZ09-_./:", ""},
		{"the last name wins", "name=%22&name=fn", five},
		{"the last instance wins", "name=fn&instance=other&instance=pod-a", five},
		{"the last namespace wins", "name=fn&namespace=%22&namespace=x", five},
		{"the last tail wins", "name=fn&tail=x&tail=2", lastLines(five, 2)},
		{"the last since wins", "name=fn&since=x&since=2020-02-03T04:05:10Z", lastLines(five, 2)},
		{"tail of 1", "name=fn&tail=1", lastLines(five, 1)},
		{"more tail than lines", "name=fn&tail=50", five},
		{"tail of 0", "name=fn&tail=0", five},
		{"tail below 0", "name=fn&tail=-1", five},
		{"tail far below 0", "name=fn&tail=-9223372036854775808", five},
		{"empty tail", "name=fn&tail=", five},
		{"the last tail is empty", "name=fn&tail=2&tail=", five},
		{"tail with a sign", "name=fn&tail=%2B2", lastLines(five, 2)},
		{"empty since, instance and namespace", "name=fn&since=&instance=&namespace=", five},
		{"follow=false", "name=fn&follow=false", five},
		{"unparseable follow", "name=fn&follow=yes", five},
		{"the last follow is unparseable", "name=fn&follow=true&follow=maybe", five},
		{"unknown parameters", "name=fn&color=blue", five},
		{"since in whole seconds", "name=fn&since=2020-02-03T04:05:09Z", lastLines(five, 3)},
		{"since with a fraction", "name=fn&since=2020-02-03T04:05:09.000000001Z", lastLines(five, 2)},
		{"since with an offset", "name=fn&since=" + url.QueryEscape("2020-02-03T09:35:09+05:30"), lastLines(five, 3)},
		{"since in the year 1", "name=fn&since=0001-01-01T00:00:01Z", five},
		{"since in the year 9999", "name=fn&since=9999-12-31T23:59:59Z", ""},
	} {
		for _, way := range []struct {
			name    string
			options []option
		}{{"sorted", nil}, {"streamed", []option{ordered}}} {
			t.Run(test.name+"/"+way.name, func(t *testing.T) {
				p := newProxy(t, serve(t, "a", answers(five), way.options...))
				got := p.ask(t, test.query)
				got.holds(t, test.want)
			})
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	asked := &sample.Recorder{Handler: answers(fiveLines())}
	p := newProxy(t, serve(t, "a", asked))
	for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		t.Run(method, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), method, p.URL+"/system/logs?name=fn", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := p.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET" {
				t.Errorf("status %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
			}
		})
	}
	if n := len(asked.Queries()); n != 0 {
		t.Errorf("the upstream was asked %d times", n)
	}
}

// The bytes on the wire, which net/http's client would hide.
func TestResponseOnTheWire(t *testing.T) {
	for _, test := range []struct {
		name     string
		provider http.Handler
		options  []option
		body     string
	}{
		{"lines", answers(fiveLines()), nil, fiveLines()},
		{"lines, streamed", answers(fiveLines()), []option{ordered}, fiveLines()},
		{"empty", answers(), nil, ""},
		{"empty, streamed", answers(), []option{ordered}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProxy(t, serve(t, "a", test.provider, test.options...))
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(bounds))
			io.WriteString(conn, "GET /system/logs?name=fn HTTP/1.1\r\nHost: logmux\r\nAccept-Encoding: gzip, br\r\nTE: trailers\r\nConnection: close\r\n\r\n")
			wire, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			head, chunks, _ := strings.Cut(string(wire), "\r\n\r\n")
			head += "\r\n"
			if !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") {
				t.Errorf("status line of %q", head)
			}
			for _, want := range []string{"\r\nContent-Type: application/x-ndjson\r\n", "\r\nTransfer-Encoding: chunked\r\n", "\r\nX-Logmux-Ok: a\r\n"} {
				if strings.Count(head, want) != 1 {
					t.Errorf("%q is not once in %q", want, head)
				}
			}
			for _, unwanted := range []string{"Content-Length", "Content-Encoding", "X-Logmux-Absent", "X-Logmux-Failed:"} {
				if strings.Contains(head, "\r\n"+unwanted) {
					t.Errorf("%q is in %q", unwanted, head)
				}
			}
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(wire))), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != test.body {
				t.Errorf("body %q, %v; want %q", body, err, test.body)
			}
			if !strings.HasSuffix(chunks, "0\r\n\r\n") {
				t.Errorf("the end of the chunks is %q", chunks[max(len(chunks)-20, 0):])
			}
		})
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "name=fn", "name=fn&namespace=openfaas-fn&instance=pod/a:1&tail=5&follow=true&since=2020-02-03T04:05:06.789Z",
		"name=fn&since=2020-02-03T04:05:06%2B01:00", "name=fn&tail=-1&follow=yes", "name=a&name=b", "name=%zz", "name=a;b",
		"name=%22", "name=a%0a", "name=fn&tail=99999999999999999999", "name=fn&warnings=off", "name=fn&warnings=maybe",
		"name=fn&instance=%FF", "name=\xff", "name=fn&since=x", "follow=1&name=fn", "&&=&=name&name==",
	} {
		f.Add(seed)
	}
	var (
		allowed         = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
		allowedOrEmpty  = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)
		allowedInstance = regexp.MustCompile(`^[A-Za-z0-9_./:-]*$`)
	)
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := url.ParseQuery(raw) // as net/http does: what can be read of it
		r, err := proxy.ParseRequest(query)
		if err != nil {
			var bad *proxy.ParameterError
			if !errors.As(err, &bad) || bad.Parameter == "" || !strings.Contains(err.Error(), bad.Parameter) {
				t.Fatalf("%q: %v does not name a parameter", raw, err)
			}
			if strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("%q: more than one plain line: %q", raw, err)
			}
			return
		}
		if !allowed.MatchString(r.Name) || !allowedOrEmpty.MatchString(r.Namespace) || !allowedInstance.MatchString(r.Instance) {
			t.Fatalf("%q is accepted as %+v", raw, r)
		}
		if r.Tail < 0 {
			t.Fatalf("%q has a tail of %d", raw, r.Tail)
		}
		for key, got := range map[string]string{"name": r.Name, "namespace": r.Namespace, "instance": r.Instance} {
			want := ""
			if values := query[key]; len(values) > 0 {
				want = values[len(values)-1]
			}
			if got != want {
				t.Fatalf("%q: %s is %q, want %q", raw, key, got, want)
			}
		}
	})
}
