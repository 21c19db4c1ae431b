package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// A client asks logmux, as curl or the gateway would.
type client struct {
	base string // URL
	http *http.Client
}

func newClient(listening net.Addr) *client {
	return &client{
		base: "http://" + reachable(listening),
		http: &http.Client{Transport: &http.Transport{}}, // not by a proxy, whatever the environment says
	}
}

// reachable is an address to connect to for one that is listened on.
func reachable(listening net.Addr) string {
	host, port, _ := net.SplitHostPort(listening.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (c *client) close() { c.http.CloseIdleConnections() }

// lines asks and yields each line of the answer when it comes. An error is the
// last it yields; a clean end is none.
func (c *client) lines(ctx context.Context, query string) iter.Seq2[line.Message, error] {
	return func(yield func(line.Message, error) bool) {
		body, err := c.get(ctx, query)
		if err != nil {
			yield(line.Message{}, err)
			return
		}
		defer body.Close()
		for decoder := json.NewDecoder(body); ; {
			var m line.Message
			err := decoder.Decode(&m)
			if errors.Is(err, io.EOF) || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func (c *client) get(ctx context.Context, query string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/system/logs?"+query, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what is there of it will do
		return nil, fmt.Errorf("%s: %s: %s", query, resp.Status, strings.TrimSpace(string(why)))
	}
	return resp.Body, nil
}

// commands are what to try while logmux serves.
func (c *client) commands(instance string, now time.Time) []string {
	var commands []string
	for _, try := range []struct{ query, what string }{
		{"", "all logs"},
		{"&tail=5", "the newest 5 of all providers"},
		{"&since=" + now.Add(-time.Minute).UTC().Format(time.RFC3339), "since a minute ago"},
		{"&instance=" + instance, "one pod's"},
	} {
		commands = append(commands, fmt.Sprintf("# %s\n  curl '%s/system/logs?name=%s%s'", try.what, c.base, function, try.query))
	}
	return append(commands,
		fmt.Sprintf("# the newest 5, then what comes\n  curl -N '%s/system/logs?name=%s&follow=true&tail=5'", c.base, function),
		fmt.Sprintf("# requests, lines and failures by upstream\n  curl -s '%s/metrics' | grep ^logmux_", c.base),
	)
}
