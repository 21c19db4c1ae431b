package config

import (
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
