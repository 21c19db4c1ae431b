package proxy

import (
	"testing"
	"time"
)

// The waits of a follower grow from MinWait to 5 s, for ever, whatever MinWait is.
func TestFollowWait(t *testing.T) {
	for _, test := range []struct {
		name string
		min  time.Duration
		// most is the wait after the first try.
		most time.Duration
	}{
		{"none", 0, 10 * time.Millisecond},
		{"the default", 100 * time.Millisecond, 100 * time.Millisecond},
		{"1 ns", 1, 10 * time.Millisecond},
		{"above the longest", time.Minute, 5 * time.Second},
		{"an hour", time.Hour, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Retry{MinWait: test.min}
			for tries := 1; tries < 100; tries++ {
				got := r.followWait(tries)
				if got <= 0 || got > 5*time.Second {
					t.Fatalf("try %d: %v", tries, got)
				}
				if tries == 1 && (got > test.most || got < test.most/2) {
					t.Errorf("the first wait is %v, want %v to %v", got, test.most/2, test.most)
				}
				if tries > 20 && got < 2500*time.Millisecond {
					t.Errorf("wait %d is %v", tries, got)
				}
			}
		})
	}
}
