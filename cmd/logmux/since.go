package main

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

var errSince = errors.New("must be how long ago, such as 10m, 1h30m or 2d, or a time as in 2006-01-02T15:04:05Z (RFC 3339)")

// Durations of Go know no days.
var days = regexp.MustCompile(`^([0-9]{1,5})d`)

// parseSince reads a point in time: RFC 3339, or how long before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	since := now.UTC() // whose days all have 24 hours
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		if since, text = since.AddDate(0, 0, -n), text[len(m[0]):]; text == "" {
			return since, nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, errSince
	}
	return since.Add(-ago), nil
}
