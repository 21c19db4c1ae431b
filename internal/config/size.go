package config

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/dustin/go-humanize"
)

// A unit is required, and is not abbreviated: humanize would read 64M as megabytes, and 1,5MiB as 15.
var sizeSyntax = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?([kKMGTPE]i?)?B$`)

// parseSize reads a number of bytes such as 64MiB, 1MB or 1.5GiB. Only 0 needs no unit.
func parseSize(text string) (int64, error) {
	switch {
	case text == "0":
		return 0, nil
	case strings.HasPrefix(text, "-"):
		return 0, errNegative
	case bareNumber.MatchString(text):
		return 0, fmt.Errorf("%s has no unit, write %sMiB or %sB", quoted(text), text, text)
	case !sizeSyntax.MatchString(text):
		return 0, fmt.Errorf("%s is no size, write one such as 512KiB, 64MiB or 1.5GiB", quoted(text))
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size > math.MaxInt64 {
		return 0, fmt.Errorf("%s is too large", quoted(text))
	}
	return int64(size), nil
}
