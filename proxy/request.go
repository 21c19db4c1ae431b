package proxy

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Request is what a client asks for: logs.Request of faas-provider, and
// whether warnings are wanted.
type Request struct {
	Name      string
	Namespace string
	Instance  string
	// Since is the earliest timestamp wanted. If zero, the provider's default.
	Since time.Time
	// Tail is how many lines are wanted, the newest. If zero or less, all.
	Tail   int
	Follow bool

	// Warnings overrides the handler's default where the request says so.
	Warnings *bool

	hop *hop // what comes along; nil where the request did not come by HTTP
}

// CallID is the X-Call-Id header that the request came with, which names it in the
// logs of whatever it passes. It is empty where there is none.
func (r *Request) CallID() string { return r.traced("X-Call-Id") }

// Traceparent is the same of the traceparent header, by W3C Trace Context.
func (r *Request) Traceparent() string { return r.traced("Traceparent") }

func (r *Request) traced(field string) string {
	if r.hop == nil {
		return ""
	}
	return r.hop.trace.Get(field)
}

// A ParameterError says which parameter of a request cannot be used, and why.
type ParameterError struct {
	Parameter string
	Problem   string
}

func (e *ParameterError) Error() string { return e.Parameter + ": " + e.Problem }

// ParseRequest reads a query as faas-provider does: the last value of a
// parameter wins, an unparseable follow is false. Beyond that it refuses names
// that some provider would take for a part of its own query language. Its
// errors are *ParameterError.
func ParseRequest(query url.Values) (Request, error) {
	last := func(key string) string {
		values := query[key]
		if len(values) == 0 {
			return ""
		}
		return values[len(values)-1]
	}
	r := Request{Name: last("name"), Namespace: last("namespace"), Instance: last("instance")}
	r.Follow, _ = strconv.ParseBool(last("follow"))
	if err := r.check(); err != nil {
		return r, err
	}
	if since := last("since"); since != "" {
		t, err := time.Parse(time.RFC3339, since)
		if err != nil {
			hint := ""
			if strings.Contains(since, " ") {
				hint = "; in a URL a + is written %2B"
			}
			return r, &ParameterError{"since", fmt.Sprintf("%q is not a time as in 2006-01-02T15:04:05Z (RFC 3339)%s", since, hint)}
		}
		r.Since = t
	}
	if tail := last("tail"); tail != "" {
		n, err := strconv.Atoi(tail)
		if err != nil {
			return r, &ParameterError{"tail", fmt.Sprintf("%q is not a whole number", tail)}
		}
		r.Tail = max(n, 0)
	}
	switch warnings := last("warnings"); warnings {
	case "":
	case "inline", "off":
		inline := warnings == "inline"
		r.Warnings = &inline
	default:
		return r, &ParameterError{"warnings", fmt.Sprintf("%q is neither inline nor off", warnings)}
	}
	return r, nil
}

// check says what is wrong with the names of a request.
func (r *Request) check() error {
	if r.Name == "" {
		return &ParameterError{"name", "is required"}
	}
	for _, p := range []struct{ parameter, value, extra string }{
		{"name", r.Name, "-_."},
		{"namespace", r.Namespace, "-_."},
		{"instance", r.Instance, "-_./:"},
	} {
		if i := strings.IndexFunc(p.value, func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune(p.extra, c) }); i >= 0 {
			return &ParameterError{p.parameter, fmt.Sprintf("%q may hold only letters, digits and %s", p.value, p.extra)}
		}
	}
	return nil
}

func isAlphanumeric(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
