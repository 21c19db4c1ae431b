package config

import (
	"errors"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// parseURL reads what every URL must hold, and of an empty text makes nil. It never quotes its text,
// nor an error of net/url, which does: both can hold a password.
func parseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a valid URL, write one such as https://faas.example.com")
	}
	port := 80
	if u.Port() != "" {
		port, err = strconv.Atoi(u.Port())
	}
	switch {
	case !slices.Contains(schemes, u.Scheme) && strings.HasPrefix(u.Scheme, "dns"):
		return nil, errors.New("must start with dns+http:// or dns+https://, or with http:// or https://")
	case !slices.Contains(schemes, u.Scheme):
		return nil, errScheme
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case err != nil || port < 1 || port > 65535:
		return nil, errors.New("has a port that is not from 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("must not have a query (?...)")
	case strings.Contains(text, "#"):
		return nil, errors.New("must not have a fragment (#...)")
	case strings.Contains(u.Path, "@"):
		// Otherwise a password with a / would be taken for a path, and printed.
		return nil, errors.New("must not have an @ after its host; in a password write / as %2F")
	}
	return u, nil
}

// With the prefix, each address of the host is asked.
const everyAddress = "dns+"

var (
	schemes   = []string{"http", "https", everyAddress + "http", everyAddress + "https"}
	errScheme = errors.New("must start with http:// or https://")
)

func link(check func(*url.URL) error) func(reflect.Value) error {
	return func(v reflect.Value) error { return check(v.Interface().(*url.URL)) }
}

func checkUpstreamURL(u *url.URL) error {
	if u == nil {
		return errScheme
	}
	_, err := netip.ParseAddr(u.Hostname())
	switch {
	case strings.HasPrefix(u.Scheme, everyAddress) && err == nil:
		return errors.New("has an IP address for its host, and with dns+ needs a name; leave dns+ out")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/system/logs"):
		return errors.New("must not end in /system/logs, which is added")
	}
	return nil
}

func checkPassthrough(u *url.URL) error {
	switch {
	case u == nil:
		return nil
	case strings.HasPrefix(u.Scheme, everyAddress):
		return errScheme
	case u.User != nil:
		return errors.New("must not have user info: the clients' own credentials are passed on")
	}
	return nil
}

// plainHTTP says whether an upstream is asked without TLS.
func plainHTTP(u *url.URL) bool {
	return strings.TrimPrefix(u.Scheme, everyAddress) == "http"
}
