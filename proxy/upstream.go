package proxy

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"net/url"
	"time"
)

// An Upstream is one log provider and what is known of its ways. Only Name and
// URL are required.
type Upstream struct {
	// Name tells upstreams apart, in headers and warnings.
	Name string

	// URL is the base URL; /system/logs is appended to its path. Its user
	// info, if any, is sent as basic auth.
	URL *url.URL

	// Required upstreams must answer: where one fails, the request does.
	Required bool

	// Match says which requests the upstream is asked for. If zero, all.
	Match Match

	// Namespace fills the namespace of lines that have none. If empty, it
	// stays empty.
	Namespace string

	// InstancePrefix is put before the instance of each line. A request for an
	// instance with the prefix goes to this upstream alone, without it.
	InstancePrefix string

	// Header is sent with each request.
	Header http.Header

	// Authorization, if not nil, returns the value of each request's
	// Authorization header. It is asked anew each time, for secrets change.
	Authorization func() (string, error)

	// ForwardAuthorization sends the Authorization header of the request that
	// is answered. Nothing else of what a client sends goes to an upstream.
	ForwardAuthorization bool

	// TLS, if not nil, returns the settings of the next connection, which are
	// not modified; nil for the defaults. Where they name no server, that of URL
	// is used.
	TLS func() (*tls.Config, error)

	// DialTimeout bounds connecting, and the TLS handshake. If zero, 3 s.
	DialTimeout time.Duration

	// HeaderTimeout bounds the wait for the response's header. If zero, 10 s; if
	// negative, there is no bound.
	HeaderTimeout time.Duration

	// IdleTimeout bounds each wait for more of a bounded answer; the time that
	// the reader itself is slow does not count. If zero, 10 s; if negative, there
	// is no bound.
	IdleTimeout time.Duration

	// Retry says how often a request is tried again that failed before the
	// first byte of an answer. If zero, never.
	Retry Retry

	// Breaker says when an upstream that fails is not asked for a while. If
	// zero, it always is.
	Breaker Breaker

	// Ordered says that bounded answers are ascending by timestamp. Where all
	// upstreams are ordered, lines are sent while they arrive.
	Ordered bool

	// SinceSlack is how much earlier than wanted the provider is asked to
	// start, for it may start late: faas-netes takes whole seconds.
	SinceSlack time.Duration

	// TailMode says which lines the provider keeps when asked for N of them.
	// If empty, TailNewest.
	TailMode TailMode

	// MaxLimit is the provider's own cap on the lines of one answer: all of
	// them are had by asking again from the last. If zero, there is none.
	MaxLimit int

	// MaxLookback is the age of the oldest start that the provider accepts; an
	// older one is asked as that. If zero, any.
	MaxLookback time.Duration

	// ReplicaGroup names upstreams that hold copies of the same lines: what
	// they share is sent once, and one that is ok makes up for the others. If
	// empty, the upstream is on its own.
	ReplicaGroup string

	// FollowMode says how lines are had as they are logged. If empty, FollowStream.
	FollowMode FollowMode

	// PollInterval is the time between two polls. If zero, 2 s.
	PollInterval time.Duration

	// AbsentInterval is the time after which a follower asks again for a
	// function that was not there. If zero, 10 s.
	AbsentInterval time.Duration

	// Overlap is how far before its last line a follower asks again, for lines
	// that became visible late. What comes twice is sent once. If zero, 5 s;
	// if negative, none.
	Overlap time.Duration

	// HonoursInstance says that the provider filters by instance itself.
	// Otherwise it is not asked for a tail together with an instance: it would
	// cut first, and the lines wanted might be gone.
	HonoursInstance bool

	// MaxLineBytes is how long a line may be; longer ones are cut and marked.
	// If zero, 1 MiB.
	MaxLineBytes int
}

// Match limits the requests an upstream is asked for, by globs as in path.Match.
// An empty list matches everything, a bad glob nothing. A request without a namespace means
// OpenFaaS' default one, openfaas-fn.
type Match struct {
	Namespaces, Names []string
}

// Retry bounds the tries after the first.
type Retry struct {
	// Max is how many there are at most.
	Max int
	// MinWait and MaxWait bound the wait before one: it is random between zero
	// and MinWait, doubled for each try, at most MaxWait. A Retry-After header is
	// honoured up to MaxWait. If zero, 100 ms and 1 s; if negative, there is no wait.
	MinWait, MaxWait time.Duration
}

// Breaker bounds what an upstream that is down costs. Failures are those before
// the first byte of an answer: of dial and tls, timeouts, and statuses 502 to 504.
type Breaker struct {
	// Failures is how many in a row open it. If zero, it is never open.
	Failures int
	// OpenFor is how long the upstream is not asked then, until one request
	// is let through to try. If zero, 10 s.
	OpenFor time.Duration
}

// A TailMode is what a provider does with a request for the last N lines.
type TailMode string

const (
	// TailNewest: it sends the newest N, or the newest N of each instance.
	TailNewest TailMode = "newest"
	// TailOldest: it sends the oldest N.
	TailOldest TailMode = "oldest"
	// TailAll: what it does is not to be relied upon; it is asked for all.
	TailAll TailMode = "all"
)

// A FollowMode is how a provider gives lines as they are logged.
type FollowMode string

const (
	// FollowStream: it keeps its answer to follow=true open.
	FollowStream FollowMode = "stream"
	// FollowPoll: it does not know follow; it is asked again and again.
	FollowPoll FollowMode = "poll"
)

const (
	defaultDialTimeout    = 3 * time.Second
	defaultHeaderTimeout  = 10 * time.Second
	defaultIdleTimeout    = 10 * time.Second
	defaultPollInterval   = 2 * time.Second
	defaultAbsentInterval = 10 * time.Second
	defaultOverlap        = 5 * time.Second
	defaultOpenFor        = 10 * time.Second
	defaultMinWait        = 100 * time.Millisecond
	defaultMaxWait        = time.Second
)

func (u *Upstream) dialTimeout() time.Duration { return positive(u.DialTimeout, defaultDialTimeout) }
func (u *Upstream) idleTimeout() time.Duration { return cmp.Or(u.IdleTimeout, defaultIdleTimeout) }
func (u *Upstream) headerTimeout() time.Duration {
	return cmp.Or(u.HeaderTimeout, defaultHeaderTimeout)
}
func (u *Upstream) pollInterval() time.Duration {
	return positive(u.PollInterval, defaultPollInterval)
}
func (u *Upstream) absentInterval() time.Duration {
	return positive(u.AbsentInterval, defaultAbsentInterval)
}
func (r Retry) minWait() time.Duration { return max(cmp.Or(r.MinWait, defaultMinWait), 0) }
func (r Retry) maxWait() time.Duration { return max(cmp.Or(r.MaxWait, defaultMaxWait), 0) }

// positive is d, or the default where that is no time to wait.
func positive(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

func (b *Breaker) openFor() time.Duration  { return cmp.Or(b.OpenFor, defaultOpenFor) }
func (u *Upstream) overlap() time.Duration { return max(cmp.Or(u.Overlap, defaultOverlap), 0) }
