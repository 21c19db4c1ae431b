//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestReplicasAnswerAlike asks three processes in turn: whichever serves a
// request, the answer is the same to the byte, and it is the right one.
func TestReplicasAnswerAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("builds logmux")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	bin, err := buildLogmux(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{lab: &lab{Options: Options{Bin: bin, Proxy: "logmux"}, dir: dir, log: io.Discard}}
	defer s.close()
	const lines, tail = 5000, 100
	provided := serveProviders(t, Providers{Upstreams: 4, Lines: lines, Layout: Shuffled, Tail: tail})
	var instances []subject
	for range replicaCount {
		// Few lines fit into memory: each replica spills some.
		instance, err := s.logmux(ctx, Config{QueryMemory: "512KiB", TailMode: "all"}, provided.URLs)
		if err != nil {
			t.Fatal(err)
		}
		instances = append(instances, instance)
	}
	balancer := newBalancer(instances)
	defer balancer.Close()
	client := newClient(0)
	defer client.CloseIdleConnections()
	url := balancer.URL + query
	ways := []string{"", "&tail=100", "&tail=1", "&since=" + timestamp(lines/2).Format(time.RFC3339Nano), "&instance=nobody"}
	if err := sameAnswers(ctx, client, url, ways...); err != nil {
		t.Error(err)
	}
	if err := verify(ctx, client, url, provided.All, false); err != nil {
		t.Error(err)
	}
	if err := verify(ctx, client, url+"&tail=100", provided.Tail, false); err != nil {
		t.Error(err)
	}
	total := int64(len(ways)*4*replicaCount + 2)
	for i := range balancer.served {
		if got, least := balancer.served[i].Load(), total/replicaCount; got < least {
			t.Errorf("replica %d served %d of %d requests, want at least %d", i, got, total, least)
		}
	}
}

// serveProviders is startProviders in this process.
func serveProviders(t *testing.T, spec Providers) Provided {
	t.Helper()
	ready, err := startProviders(spec)
	if err != nil {
		t.Fatal(err)
	}
	return ready.(Provided)
}

func TestSameAnswersSeesADifference(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 5 {
			io.WriteString(w, "another\n")
			return
		}
		io.WriteString(w, "a line\n")
	}))
	defer server.Close()
	err := sameAnswers(t.Context(), http.DefaultClient, server.URL, "")
	if _, ok := errors.AsType[mismatch](err); !ok {
		t.Errorf("got %v, want a mismatch", err)
	}
}

func TestUpstreamsFailedOnly(t *testing.T) {
	for failed, want := range map[upstreamsFailed]string{
		"u9=breaker": "u9", "u9=breaker,u8=dial": "", "": "",
	} {
		if got := failed.only(); got != want {
			t.Errorf("%q: got %q, want %q", string(failed), got, want)
		}
	}
}

func TestYAMLOfATree(t *testing.T) {
	got := Config{Kind: "logmux", HeaderTimeout: "1s"}.yaml("127.0.0.1:1", []string{"http://a"})
	if want := "    header_timeout: 1s\n    kind: logmux\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant it to end in\n%s", got, want)
	}
	if strings.Contains(got, "ordered") {
		t.Errorf("a kind says itself whether it is ordered:\n%s", got)
	}
}

func TestCountAcceptsNoFailureButTheExpected(t *testing.T) {
	tests := []struct {
		failed, failing string
		ok              bool
	}{
		{"", "", true},
		{"u1=dial", "", false},
		{"u1=dial,u2=dial", "", false},
		{"u1=dial,u2=dial", "u1", false},
		{"u2=dial", "u1", false},
		{"u1=breaker", "u1", true},
	}
	for _, test := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Logmux-Failed", test.failed)
			io.WriteString(w, "a line\n")
		}))
		s := subject{url: server.URL, want: 1, failing: test.failing}
		_, _, err := s.count(t.Context(), http.DefaultClient, make([]byte, block))
		if ok := err == nil; ok != test.ok {
			t.Errorf("%q failed, %q is expected to: got %v", test.failed, test.failing, err)
		}
		server.Close()
	}
}
