package probe

import (
	"bytes"
	"context"
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
	resp, err := i.Get(ctx, "/system/logs", url.Values{"name": {missing}, "tail": {"1"}})
	if err != nil {
		errors.As(err, &i.Failure)
		return
	}
	defer resp.Body.Close()
	i.ToHeader = time.Since(start)
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// It names the second that has begun: on average it is half over.
		skew := date.Add(time.Second / 2).Sub(start.Add(i.ToHeader / 2))
		i.Skew = &skew
	}
	i.header = resp.Header
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what is there of it will do
	i.judge(resp, body)
	if skew := i.Skew; skew != nil && skew.Abs() > worrying {
		i.note("its clock is %s: lines are sorted by it", aheadOrBehind(*skew))
	}
}

// worrying is a difference of clocks at which lines stand in the wrong order to
// a reader's eye. Dates are whole seconds.
const worrying = 2 * time.Second

func (i *inquiry) judge(resp *http.Response, body []byte) {
	switch code := resp.StatusCode; {
	case code/100 == 2:
	case code == http.StatusInternalServerError && bytes.HasPrefix(body, []byte("function log request failed")):
		i.absent = true
	case code == http.StatusNotFound:
		i.note("it answers 404: if that is for every function, the path of its url is wrong")
		i.absent = true
	case i.isLogmux():
		// It failed this function, which is nowhere, because of upstreams of its own.
		i.note("it is a logmux, of whose own upstreams fail: %s (status-508 is a loop)", resp.Header.Get("X-Logmux-Failed"))
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		i.fail(proxy.ReasonAuth, "%s; what it wants is set by auth, or by headers", resp.Status)
	case code/100 == 3:
		i.fail(proxy.Reason(fmt.Sprintf("status-%d", code)), "it redirects to %s, which is not followed", redirect(resp))
	default:
		text, _, _ := strings.Cut(strings.ToValidUTF8(string(body), "\ufffd"), "\n")
		i.fail(proxy.Reason(fmt.Sprintf("status-%d", code)), "%s", strings.TrimSpace(resp.Status+" "+text))
	}
}

// redirect is where a response leads, without what may be secret.
func redirect(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
}

func (i *inquiry) fail(reason proxy.Reason, format string, args ...any) {
	i.Failure = &proxy.Failure{Reason: reason, Err: fmt.Errorf(format, args...)}
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

// A statusError is an answer that holds no lines.
type statusError struct{ status, text string }

func (e *statusError) Error() string {
	return strings.TrimSpace(e.status + " " + strings.TrimSpace(e.text))
}
