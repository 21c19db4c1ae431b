//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// newClient returns a client that keeps as many connections as a scenario
// needs. A readBuffer of 0 is net/http's own default.
func newClient(readBuffer int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableCompression:  true,
		MaxIdleConnsPerHost: 1024,
		ReadBufferSize:      readBuffer,
	}}
}

// ask sends a GET and accepts nothing but a 200.
func ask(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("%s: status %s", url, response.Status)
	}
	return response, nil
}

// read hands an answer's body to sink, in blocks, and fails where the proxy
// says that an upstream failed.
func read(ctx context.Context, client *http.Client, url string, buffer []byte, sink func([]byte)) error {
	response, err := ask(ctx, client, url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	for err == nil {
		var n int
		n, err = response.Body.Read(buffer)
		sink(buffer[:n])
	}
	if err != io.EOF {
		return fmt.Errorf("%s: read answer: %w", url, err)
	}
	for _, header := range []http.Header{response.Header, response.Trailer} {
		if failed := header.Get("X-Logmux-Failed"); failed != "" {
			return upstreamsFailed(failed)
		}
	}
	return nil
}

// upstreamsFailed is what a complete answer says of its upstreams.
type upstreamsFailed string

func (f upstreamsFailed) Error() string { return "upstreams failed: " + string(f) }

// only is the name of the one that failed; empty if there are several.
func (f upstreamsFailed) only() string {
	name, reason, _ := strings.Cut(string(f), "=")
	if strings.Contains(reason, ",") {
		return ""
	}
	return name
}

// count reads an answer and counts its lines and bytes, which costs the client
// next to nothing.
func count(ctx context.Context, client *http.Client, url string, buffer []byte) (lines, size int64, err error) {
	err = read(ctx, client, url, buffer, func(block []byte) {
		lines += int64(bytes.Count(block, []byte{'\n'}))
		size += int64(len(block))
	})
	return lines, size, err
}
