package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	errNegative = errors.New("must not be negative")
	bareNumber  = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
)

// parseDuration reads a duration of Go's syntax. Only 0 needs no unit.
func parseDuration(text string) (time.Duration, error) {
	if bareNumber.MatchString(text) && text != "0" {
		return 0, fmt.Errorf("%s has no unit, write %ss", quoted(text), strings.TrimLeft(text, "+-"))
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is no duration, write one such as 500ms, 10s or 1h30m", quoted(text))
	case d < 0:
		return 0, errNegative
	}
	return d, nil
}
