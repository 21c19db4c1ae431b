//go:build linux

package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A message is one log line on the wire: logs.Message of faas-provider.
type message struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

func (m message) isWarning() bool {
	return m.Instance == "logmux" && strings.HasPrefix(m.Text, "logmux: ")
}

// decode reads a line of which it is known that it is one.
func decode(line string) message {
	m, err := decoded(line)
	if err != nil {
		panic(err)
	}
	return m
}

func decoded(line string) (m message, err error) {
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		return m, fmt.Errorf("%q does not decode: %w", line, err)
	}
	return m, nil
}

// A request is what a client asks for; a zero field is left out.
type request struct {
	function string
	since    time.Time
	tail     int
	follow   bool
}

func (r request) url(front string) string {
	q := url.Values{"name": {r.function}}
	if !r.since.IsZero() {
		q.Set("since", r.since.Format(time.RFC3339Nano))
	}
	if r.tail > 0 {
		q.Set("tail", strconv.Itoa(r.tail))
	}
	if r.follow {
		q.Set("follow", "true")
	}
	return front + "/system/logs?" + q.Encode()
}

// open asks, and leaves the answer to be read.
func (r request) open(ctx context.Context, client *http.Client, front string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url(front), nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

// An answer is a bounded one, read to its end.
type answer struct {
	status   int
	body     string
	lines    []string          // without the warnings, which stand behind them
	failed   map[string]string // upstreams and reasons, by the header and the trailer
	warned   map[string]string // the same by the warnings
	warnings []string          // the others
}

// ask reads a whole answer. That it breaks or does not decode is an error.
func (r request) ask(ctx context.Context, client *http.Client, front string) (*answer, error) {
	resp, err := r.open(ctx, client, front)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer breaks after %d bytes: %w", len(body), err)
	}
	a := &answer{status: resp.StatusCode, body: string(body), failed: named(resp.Header), warned: map[string]string{}}
	maps.Copy(a.failed, named(resp.Trailer))
	if a.status != http.StatusOK {
		return a, nil
	}
	return a, a.split()
}

// named are the upstreams that a header or a trailer says have failed.
func named(fields http.Header) map[string]string {
	failed := map[string]string{}
	for _, list := range fields.Values("X-Logmux-Failed") {
		for entry := range strings.SplitSeq(list, ",") {
			name, reason, _ := strings.Cut(entry, "=")
			failed[name] = reason
		}
	}
	return failed
}

var failureText = regexp.MustCompile(`^logmux: (\S+) failed: (\S+): `)

// split tells warnings from lines.
func (a *answer) split() error {
	warnings := 0
	for line := range strings.Lines(a.body) {
		m, err := decoded(line)
		switch {
		case err != nil:
			return err
		case !strings.HasSuffix(line, "\n"):
			return fmt.Errorf("%q has no end", line)
		case m.isWarning():
			warnings++
			if said := failureText.FindStringSubmatch(m.Text); said != nil {
				a.warned[said[1]] = said[2]
			} else {
				a.warnings = append(a.warnings, m.Text)
			}
		case warnings > 0:
			return fmt.Errorf("%q stands behind a warning", line)
		default:
			a.lines = append(a.lines, line)
		}
	}
	if warnings != len(a.warned)+len(a.warnings) {
		return fmt.Errorf("an upstream is warned of twice: %d warnings for %v", warnings, a.warned)
	}
	return nil
}
