//go:build linux

package faults_test

import (
	"slices"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/openfaas-logmux/logmux/proxy"
)

// TestBounded breaks the wire to one of three upstreams, in every way, for every
// kind of provider and way to answer.
func TestBounded(t *testing.T) {
	for _, m := range modes {
		for broken, k := range kinds(lokiCap) {
			for _, f := range faults(middleOf) {
				t.Run(m.name+"/"+k.name+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					r := newRig(t, m, broken, historyLines)
					switch u := &r.Upstreams[broken]; {
					case f.silences():
						impatient(u)
					case f.reasons == nil:
						u.Retry.Max = 20
					}
					if f.slow {
						r.Timeout = 2 * time.Second
					}
					r.serve(t)
					f.strike(r.broken.wire)

					failed := r.ask(t)
					reason, named := failed[r.broken.name]
					switch {
					case f.slow: // the deadline is that of all
					case named != (f.reasons != nil):
						t.Errorf("failed: %v, want one of %v", failed, f.reasons)
					case named && !slices.Contains(f.reasons, proxy.Reason(reason)):
						t.Errorf("reason %s, want one of %v", reason, f.reasons)
					case len(failed) > 1:
						t.Errorf("failed: %v, though only %s is broken", failed, r.broken.name)
					}
				})
			}
		}
	}
}

// TestCut ends connections all over their answers.
func TestCut(t *testing.T) {
	for _, m := range modes {
		for broken, k := range kinds(lokiCap) {
			t.Run(m.name+"/"+k.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, m, broken, historyLines)
				r.serve(t)
				for bytes := int64(0); bytes < wholeAnswer+5000; bytes += 1777 {
					answers(&toxics.LimitDataToxic{Bytes: bytes})(r.broken.wire)
					failed := r.ask(t)
					if _, ok := failed[r.broken.name]; len(failed) > 1 || len(failed) == 1 && !ok {
						t.Fatalf("after %d bytes: failed %v, though only %s is broken", bytes, failed, r.broken.name)
					}
				}
			})
		}
	}
}

// TestIdleConnections breaks what is kept open between two requests.
func TestIdleConnections(t *testing.T) {
	for broken, k := range kinds(lokiCap) {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, mode{}, broken, historyLines)
			r.Upstreams[broken].Retry.Max = 0
			r.serve(t)
			for range 5 {
				if failed := r.ask(t); len(failed) > 0 {
					t.Errorf("failed: %v", failed)
				}
				r.broken.wire.down()
				r.broken.wire.up()
			}
		})
	}
}
