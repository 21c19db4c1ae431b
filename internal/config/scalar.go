package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// setScalar puts a YAML scalar into v and holds it against the named check. Its errors hold no secret.
// The Go type says how to read it: an int64 is a size in bytes, an int a count.
func setScalar(v reflect.Value, n *yaml.Node, check string) error {
	got := reflect.New(v.Type()).Elem()
	if err := parseScalar(got, n); err != nil {
		return err
	}
	if check != "" {
		if err := checks[check](got); err != nil {
			return err
		}
	}
	v.Set(got)
	return nil
}

func parseScalar(v reflect.Value, n *yaml.Node) (err error) {
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		*p, err = parseDuration(n.Value)
	case *int64:
		*p, err = parseSize(n.Value)
	case *int:
		*p, err = parseCount(n)
	case *bool:
		*p, err = parseBool(n)
	case **url.URL:
		*p, err = parseURL(n.Value)
	case *string:
		*p = n.Value
	case choice:
		if !slices.Contains(p.choices(), n.Value) {
			return fmt.Errorf("%s is not one of %s", quoted(n.Value), strings.Join(p.choices(), ", "))
		}
		v.SetString(n.Value)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
	return err
}

func parseCount(n *yaml.Node) (int, error) {
	count, err := strconv.Atoi(n.Value)
	switch {
	case n.ShortTag() != "!!int" || err != nil:
		return 0, fmt.Errorf("%s is no count, write a plain number such as 3", quoted(n.Value))
	case count < 0:
		return 0, errNegative
	}
	return count, nil
}

func parseBool(n *yaml.Node) (bool, error) {
	if n.ShortTag() != "!!bool" {
		return false, fmt.Errorf("%s is neither true nor false", quoted(n.Value))
	}
	return strings.EqualFold(n.Value, "true"), nil
}

// parseURL never quotes its text, nor an error of net/url, which does: both can hold a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a valid URL, write one such as https://faas.example.com")
	}
	port := 80
	if u.Port() != "" {
		port, err = strconv.Atoi(u.Port())
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must start with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case err != nil || port < 1 || port > 65535:
		return nil, errors.New("has a port that is not from 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("must not have a query (?...)")
	case strings.Contains(text, "#"):
		return nil, errors.New("must not have a fragment (#...)")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/system/logs"):
		return nil, errors.New("must not end in /system/logs, which is added")
	case strings.Contains(u.Path, "@"):
		// Otherwise a password with a / would be taken for a path, and printed.
		return nil, errors.New("must not have an @ after its host; in a password write / as %2F")
	}
	return u, nil
}
