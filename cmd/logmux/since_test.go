package main

import (
	"testing"
	"time"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 3, 30, 12, 0, 0, 5, time.FixedZone("CEST", 7200))
	for text, want := range map[string]string{
		"10m":                       "2026-03-30T09:50:00.000000005Z",
		"1h30m":                     "2026-03-30T08:30:00.000000005Z",
		"1.5s":                      "2026-03-30T09:59:58.500000005Z",
		"0s":                        "2026-03-30T10:00:00.000000005Z",
		"0":                         "2026-03-30T10:00:00.000000005Z",
		"2d":                        "2026-03-28T10:00:00.000000005Z",
		"1d12h":                     "2026-03-28T22:00:00.000000005Z",
		"40000d":                    "1916-09-23T10:00:00.000000005Z", // a time.Duration would end at 292 years
		"2026-03-01T12:00:00.5Z":    "2026-03-01T12:00:00.5Z",
		"2026-03-01T12:00:00+02:00": "2026-03-01T10:00:00Z",
	} {
		got, err := parseSince(text, now)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"10", "-10m", "ten minutes", "d", "2d2d", "1h2d", "2d-1h", "999999d", "2026-03-01", "2026-03-01 12:00:00"} {
		if got, err := parseSince(text, now); err != errSince {
			t.Errorf("%s: got %v, %v, want an error", text, got, err)
		}
	}
}
