package proxy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// faasd ends its answer, cleanly, at an entry that it cannot decode, and does so
// again whenever the entry is within what it is asked for. What comes later
// must come, or it must be told that it does not: never silently incomplete.
func TestFollowOfFaasdBehindAnEntryThatItCannotDecode(t *testing.T) {
	t.Parallel()
	store := new(sample.Store)
	store.Append("fn", logged("1", "first"))
	p := newProxy(t, serve(t, "faasd", &sample.Faasd{Store: store}, asFaasd, defaultRetry, pollEvery(200*time.Millisecond)))
	f := p.follow(t, "")
	f.awaitText("first")
	time.Sleep(200 * time.Millisecond)
	store.Append("fn", logged("1", "\x1b[31mred\x1b[0m"))
	time.Sleep(1500 * time.Millisecond) // in another second: it starts at whole ones
	store.Append("fn", logged("1", "later"))
	f.await(2*bounds, "later line, nor a warning", func() bool { return slices.Contains(f.texts(), "later") || len(f.warnings()) > 0 })
}
