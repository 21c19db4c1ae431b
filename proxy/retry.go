package proxy

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// retrying returns a client that tries again what failed before the first byte
// of an answer and may do better the next time: no connection, one that broke,
// or a gateway that says so. Never a 500: a function that is missing on a
// cluster is one.
func retrying(transport http.RoundTripper, retry Retry) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: transport,
			// Credentials must not follow a redirect to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RequestLogHook: func(_ retryablehttp.Logger, req *http.Request, attempt int) {
			if retries, ok := req.Context().Value(retriesKey{}).(*int64); ok && attempt > 0 {
				*retries++
			}
		},
		PrepareRetry: func(req *http.Request) error {
			req.Header = req.Header.Clone() // the try before may still read it
			tellTime(req.Context(), req.Header, cmp.Or(waits(req.Header, headerHeaderTimeout), -1))
			return nil
		},
		RetryMax:   retry.Max,
		CheckRetry: worthRetrying,
		Backoff: func(_, _ time.Duration, attempt int, resp *http.Response) time.Duration {
			return retry.wait(attempt, resp)
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler, // the last answer as it is
	}
}

type retriesKey struct{}

// countRetries makes the exchanges under ctx count theirs. retryablehttp tells of
// them only with the request, so that it is the context that knows whose they
// are. They are counted in the goroutine that asks.
func countRetries(ctx context.Context, retries *int64) context.Context {
	return context.WithValue(ctx, retriesKey{}, retries)
}

func worthRetrying(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, err
	}
	if err != nil {
		reason := failed(ctx, err).Reason
		return reason == ReasonDial || reason == ReasonTruncated, nil
	}
	return gatewayFailed(resp), nil
}

// wait is how long to wait after a try that failed: full jitter, or what the
// answer asks for.
func (r Retry) wait(attempt int, resp *http.Response) time.Duration {
	if after, err := retryAfter(resp); err == nil {
		return min(after, r.maxWait())
	}
	most := r.maxWait()
	if attempt < 30 { // or the shift overflows
		most = min(r.minWait()<<attempt, most)
	}
	return time.Duration(rand.Int64N(int64(max(most, 1))))
}

// followWait is how long a follower waits after so many askings of no use: from
// about MinWait to 5 s, with jitter.
func (r Retry) followWait(tries int) time.Duration {
	most := max(r.MinWait, minFollowerWait)
	for ; tries > 1 && most < maxFollowerWait; tries-- {
		most *= 2
	}
	most = min(most, maxFollowerWait)
	return most/2 + rand.N(most/2)
}

var errNoRetryAfter = errors.New("no Retry-After")

func retryAfter(resp *http.Response) (time.Duration, error) {
	if resp == nil || resp.Header.Get("Retry-After") == "" {
		return 0, errNoRetryAfter
	}
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, err
	}
	return max(time.Until(at), 0), nil
}
