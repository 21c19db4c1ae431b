//go:build linux

package faults_test

import (
	"flag"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy's
	flag.Parse()
	if !given("test.parallel") {
		flag.Set("test.parallel", "24") // the tests wait more than they work
	}
	goleak.VerifyTestMain(m)
}

func given(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

const (
	// impatience is when logmux gives an upstream up that a fault is meant to
	// silence. The others, and those that are only slow, have more than enough.
	impatience = 250 * time.Millisecond

	// patience is how long anything here may take. It is far below the test's
	// own deadline: what takes longer hangs.
	patience = 10 * time.Second
)

// impatient makes of a fault's silence a failure, soon.
func impatient(u *proxy.Upstream) { u.HeaderTimeout, u.IdleTimeout = impatience, impatience }

// eventually reports whether what must come has come.
func eventually(holds func() bool) bool {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
