package sample

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// get reads an answer over HTTP to its end. A status of zero means that no head came.
func get(t *testing.T, server *httptest.Server) (status int, header http.Header, body string, err error) {
	t.Helper()
	response, err := server.Client().Get(server.URL + "/system/logs?name=half")
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(content), err
}

func TestFaults(t *testing.T) {
	want := fixture(t, "faas-netes-one-pod-500.ndjson")
	lines := strings.SplitAfter(want, "\n")
	half := lines[1][:len(lines[1])/2]
	tests := map[string]struct {
		faults []Fault
		status int
		body   string
		err    error
	}{
		"none":              {nil, 200, want, nil},
		"refused":           {[]Fault{Refuse(503, nil)}, 503, "Service Unavailable\n", nil},
		"cut in mid-line":   {[]Fault{CutAfter(1)}, 200, lines[0] + half, io.ErrUnexpectedEOF},
		"cut at once":       {[]Fault{CutAfter(0)}, 200, lines[0][:len(lines[0])/2], io.ErrUnexpectedEOF},
		"cut behind all":    {[]Fault{CutAfter(3)}, 200, want, io.ErrUnexpectedEOF},
		"dropped":           {[]Fault{Drop()}, 0, "", io.EOF},
		"late":              {[]Fault{Delay(time.Millisecond)}, 200, want, nil},
		"the first is met":  {[]Fault{Refuse(502, nil), Refuse(503, nil)}, 502, "Bad Gateway\n", nil},
		"times not reached": {[]Fault{Times(1, Refuse(502, nil))}, 502, "Bad Gateway\n", nil},
		"times used up":     {[]Fault{Times(0, Refuse(502, nil))}, 200, want, nil},
	}
	faults := &Faults{Handler: netes(t)}
	server := httptest.NewServer(faults)
	defer server.Close()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			faults.Set(test.faults...)
			status, _, body, err := get(t, server)
			if status != test.status || body != test.body || !errors.Is(err, test.err) {
				t.Errorf("%d %q %v, want %d %q %v", status, body, err, test.status, test.body, test.err)
			}
		})
	}
}

func TestFaultsOfTheHead(t *testing.T) {
	faults := &Faults{Handler: netes(t)}
	server := httptest.NewServer(faults)
	defer server.Close()
	faults.Set(Refuse(503, http.Header{"Retry-After": {"1"}}))
	if _, header, _, _ := get(t, server); header.Get("Retry-After") != "1" {
		t.Errorf("header %v", header)
	}
	faults.Set(HTML())
	status, header, body, err := get(t, server)
	if status != 200 || header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(body, "<!DOCTYPE html>\n") || err != nil {
		t.Errorf("%d %v %q %v", status, header, body, err)
	}
}

func TestTimesHealsByItself(t *testing.T) {
	faults := &Faults{Handler: netes(t)}
	faults.Set(Times(2, Refuse(503, nil)))
	for i, want := range []int{503, 503, 200, 200} {
		if status, _ := ask(t, faults, "name=half"); status != want {
			t.Errorf("request %d: status %d, want %d", i, status, want)
		}
	}
}

func TestHangs(t *testing.T) {
	tests := map[string]struct {
		fault Fault
		want  string
	}{
		"before the header": {HangBeforeHeader(), ""},
		"after no line":     {HangAfter(0), ""},
		"after two lines":   {HangAfter(2), "half-ok line 00,half-ok line 01"},
		"after all lines":   {HangAfter(9), "half-ok line 00,half-ok line 01,half-ok line 02"},
		"delay":             {Delay(2 * time.Hour), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := &Faults{Handler: netes(t)}
				faults.Set(test.fault)
				answer := start(t, faults, "name=half")
				time.Sleep(time.Hour)
				answer.expect(test.want)
				if got, want := answer.sent, strings.HasPrefix(name, "after"); got != want {
					t.Errorf("header sent: %v, want %v", got, want)
				}
				answer.end()
			})
		})
	}
}

func TestHangAfterSendsWhatAHandlerKeepsBack(t *testing.T) {
	faults := &Faults{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first\nsecond\n")
	})}
	faults.Set(HangAfter(1))
	server := httptest.NewServer(faults)
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	line := make([]byte, len("first\n"))
	if _, err := io.ReadFull(response.Body, line); err != nil || string(line) != "first\n" {
		t.Errorf("got %q (%v)", line, err)
	}
}

func TestRecorder(t *testing.T) {
	recorder := &Recorder{Handler: netes(t)}
	ask(t, recorder, "name=half&tail=1")
	ask(t, recorder, "name=missing")
	queries := recorder.Queries()
	if len(queries) != 2 || queries[0].Encode() != "name=half&tail=1" || queries[1].Get("name") != "missing" {
		t.Errorf("queries %v", queries)
	}
	if got := len(recorder.Headers()); got != 2 {
		t.Errorf("%d headers, want 2", got)
	}
}
