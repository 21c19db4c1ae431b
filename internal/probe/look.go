package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
)

// look asks for a function that is not there: every provider has an answer.
func (i *inquiry) look(ctx context.Context) {
	i.TLS = strings.HasSuffix(i.Question.Upstream.URL.Scheme, "https")
	start := time.Now()
	resp, err := i.Ask(ctx, "/system/logs", url.Values{"name": {missing}, "tail": {"1"}}, readable)
	if resp != nil {
		i.ToHeader = time.Since(start)
		i.header = resp.Header
		i.watch(resp.Header.Get("Date"), start.Add(i.ToHeader/2))
	}
	i.judge(resp, err)
}

// judge takes what the upstream has made of the question.
func (i *inquiry) judge(resp *http.Response, err error) {
	var failure *proxy.Failure
	switch {
	case errors.Is(err, proxy.ErrAbsent):
		i.absent = true
		if resp.StatusCode == http.StatusNotFound {
			i.note("it answers 404: if that is for every function, the path of its url is wrong")
		}
	case resp != nil && i.isLogmux() && resp.StatusCode/100 == 5:
		// It failed this function, which is nowhere, because of upstreams of its own.
		i.note("it is a logmux, of whose own upstreams fail: %s (status-508 is a loop)", resp.Header.Get("X-Logmux-Failed"))
	case errors.As(err, &failure) && failure.Reason == proxy.ReasonAuth:
		i.Failure = &proxy.Failure{Reason: failure.Reason, Err: fmt.Errorf("%w; what it wants is set by auth, or by headers", failure.Err)}
	case errors.As(err, &failure):
		i.Failure = failure
	case err != nil:
		i.Failure = &proxy.Failure{Reason: proxy.ReasonTruncated, Err: err}
	}
}

// worrying is a difference of clocks at which lines stand in the wrong order to
// a reader's eye. Dates are whole seconds.
const worrying = 2 * time.Second

// watch compares the upstream's date with the time here when it wrote it.
func (i *inquiry) watch(date string, here time.Time) {
	there, err := http.ParseTime(date)
	if err != nil {
		return
	}
	// It names the second that has begun: on average it is half over.
	skew := there.Add(time.Second / 2).Sub(here)
	if i.Skew = &skew; skew.Abs() > worrying {
		i.note("its clock is %s: lines are sorted by it", aheadOrBehind(skew))
	}
}

// readable fails where an answer begins with anything but a log message: an
// ingress' page, perhaps.
func readable(body io.Reader) error {
	var message map[string]any
	switch err := json.NewDecoder(body).Decode(&message); {
	case err == io.EOF: // nothing: the function is not there
		return nil
	case err != nil || message == nil:
		return &proxy.Failure{Reason: proxy.ReasonMalformed, Err: errors.New("the answer does not begin with a log message")}
	}
	return nil
}

func (i *inquiry) note(format string, args ...any) {
	i.Notes = append(i.Notes, fmt.Sprintf(format, args...))
}

func aheadOrBehind(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("%v behind", -skew.Round(time.Second))
	}
	return fmt.Sprintf("%v ahead", skew.Round(time.Second))
}
