package config

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checks are the rules a field names in its check tag, for each value of a list. Their errors hold no secret.
var checks = map[string]func(reflect.Value) error{
	"positive":  checkPositive,
	"address":   text(checkAddress),
	"directory": text(checkDirectory),
	"glob":      text(checkGlob),
	"header":    text(checkHeaderValue),

	"url":         link(checkUpstreamURL),
	"passthrough": link(checkPassthrough),

	"name":  text(matching(`^[a-z0-9-]+$`, "a-z, 0-9 and -, at least one")),
	"group": text(matching(`^[a-z0-9-]*$`, "a-z, 0-9 and -")),

	// As in a request, where anything else is refused: a quote in a name is query injection at openfaas-loki.
	"namespace": text(matching(`^[A-Za-z0-9_.-]*$`, "letters, digits and -_.")),
	"instance":  text(matching(`^[A-Za-z0-9_.:/-]*$`, "letters, digits and -_./:")),
}

func text(check func(string) error) func(reflect.Value) error {
	return func(v reflect.Value) error { return check(v.String()) }
}

func matching(pattern, allowed string) func(string) error {
	re := regexp.MustCompile(pattern)
	return func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf("%s may only hold %s", quoted(s), allowed)
		}
		return nil
	}
}

func checkPositive(v reflect.Value) error {
	if v.Int() <= 0 {
		return errors.New("must be more than 0")
	}
	return nil
}

func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s is no address, write one such as :9195 or 127.0.0.1:9195", quoted(s))
	}
	return nil
}

func checkDirectory(s string) error {
	if s == "" {
		return nil
	}
	switch stat, err := os.Stat(s); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s does not exist", quoted(s))
	case err != nil:
		return fmt.Errorf("%s cannot be used", quoted(s))
	case !stat.IsDir():
		return fmt.Errorf("%s is not a directory", quoted(s))
	}
	return nil
}

func checkGlob(s string) error {
	if s == "" {
		return errors.New("an empty pattern matches nothing, leave it out")
	}
	if _, err := path.Match(s, ""); err != nil {
		return fmt.Errorf("%s is no valid pattern, see Go's path.Match", quoted(s))
	}
	return nil
}

// ownHeaders are set by the HTTP client or by logmux for each request. A fixed value
// would be ignored without a word, or break what depends on it.
var ownHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Via",
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func checkHeaderName(s string) error {
	if !headerName.MatchString(s) {
		return errors.New("is not a valid header name")
	}
	if slices.Contains(ownHeaders, http.CanonicalHeaderKey(s)) {
		return errors.New("cannot be fixed, it is set for each request")
	}
	return nil
}

func checkHeaderValue(s string) error {
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if strings.ContainsFunc(s, control) {
		return errors.New("a header's value cannot hold line breaks or control characters")
	}
	return nil
}
