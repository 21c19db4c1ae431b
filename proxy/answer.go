package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/openfaas-logmux/logmux/internal/line"
	"github.com/openfaas-logmux/logmux/merge"
)

// A sink takes the blocks of one upstream, which it then owns.
type sink func(*merge.Block) error

// exchange asks and reads one answer.
func (c *client) exchange(ctx context.Context, via link, h *hop, query url.Values, read func(http.Header, io.Reader) error) error {
	resp, err := c.get(ctx, via, h, query)
	if err != nil {
		return c.conceal(h, err)
	}
	defer resp.Body.Close()
	if err := accept(resp); err != nil {
		return c.conceal(h, err)
	}
	if err := read(resp.Header, resp.Body); err != nil {
		return c.conceal(h, failed(ctx, err)) // a bad trailer is quoted
	}
	return nil
}

// absentPrefix starts the body of faas-netes' 500 for a function that it does
// not have; logmux says the same.
const absentPrefix = "function log request failed"

// accept says what a response is: nil for an answer to read, ErrAbsent, or a *Failure.
func accept(resp *http.Response) error {
	code := resp.StatusCode
	switch {
	case code/100 == 2:
		if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
			return &Failure{ReasonMalformed, fmt.Errorf("the answer is compressed (%s), which was not asked for", e)}
		}
		return nil
	case code == http.StatusNotFound:
		return ErrAbsent
	}
	if to, err := resp.Location(); err == nil && code/100 == 3 {
		// Only the host: the rest may hold what nobody else is to know.
		return &Failure{reasonStatus(code), fmt.Errorf("%d %s to %s, which is not followed", code, http.StatusText(code), to.Host)}
	}
	start, _ := io.ReadAll(io.LimitReader(resp.Body, 256)) // what is there of it will do
	if code == http.StatusInternalServerError && bytes.HasPrefix(start, []byte(absentPrefix)) {
		return ErrAbsent
	}
	return &Failure{reasonStatus(code), fmt.Errorf("%d %s%s", code, http.StatusText(code), firstLine(start))}
}

// firstLine is what an operator can use of an error page's start.
func firstLine(body []byte) string {
	s, _, _ := strings.Cut(strings.ToValidUTF8(string(body), "\ufffd"), "\n")
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", s)
}

// drain hands over blocks until the answer ends.
func drain(r *line.Reader, to sink) error {
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := to(b); err != nil {
			return err
		}
	}
}
