//go:build linux

package faults_test

import (
	"slices"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/openfaas-logmux/logmux/proxy"
)

// A fault is one thing that goes wrong on the wire to an upstream.
type fault struct {
	name   string
	strike func(*wire)

	// reasons are those that a bounded answer may give for the upstream, which
	// has then failed for certain. If nil, the fault costs time but no line.
	reasons []proxy.Reason

	// stays says that it ends a follow, and the next one that is asked for, too.
	stays bool

	// slow says that it is never silent for long: only the request's own
	// deadline ends it.
	slow bool
}

// silences reports whether only a deadline ends what the fault has struck.
func (f *fault) silences() bool { return slices.Contains(f.reasons, proxy.ReasonTimeout) }

// faults are those that strike every connection, and those that strike in the
// middle of an answer, after so many bytes of it.
func faults(middle int) []fault {
	const never = 0 // a timeout that only swallows
	soon := (50 * time.Millisecond).Milliseconds()
	broken := []proxy.Reason{proxy.ReasonTruncated}
	silent := []proxy.Reason{proxy.ReasonTimeout}
	either := []proxy.Reason{proxy.ReasonTruncated, proxy.ReasonTimeout}
	refused := []proxy.Reason{proxy.ReasonDial}

	return []fault{
		{name: "answers/latency", strike: answers(&toxics.LatencyToxic{Latency: 40, Jitter: 30})},
		{name: "answers/bandwidth", strike: answers(&toxics.BandwidthToxic{Rate: 200})},
		{name: "answers/bandwidth too small", strike: answers(&toxics.BandwidthToxic{Rate: 1}), reasons: either},
		{name: "answers/slicer", strike: answers(&toxics.SlicerToxic{AverageSize: 40, SizeVariation: 30})},
		{name: "answers/slicer too slow", strike: answers(&toxics.SlicerToxic{AverageSize: 200, SizeVariation: 100, Delay: 40_000}), reasons: silent, slow: true},
		{name: "answers/reset_peer", strike: answers(&toxics.ResetToxic{}), reasons: broken, stays: true},
		{name: "answers/reset_peer in the middle", strike: answers(&later{middle, &toxics.ResetToxic{Timeout: 10}}), reasons: broken},
		{name: "answers/timeout", strike: answers(&toxics.TimeoutToxic{Timeout: soon}), reasons: either},
		{name: "answers/timeout in the middle", strike: answers(&later{middle, &toxics.TimeoutToxic{Timeout: soon}}), reasons: either},
		{name: "answers/timeout without an end", strike: answers(&toxics.TimeoutToxic{Timeout: never}), reasons: silent},
		{name: "answers/timeout in the middle without an end", strike: answers(&later{middle, &toxics.TimeoutToxic{Timeout: never}}), reasons: silent},
		{name: "answers/limit_data in the head", strike: answers(&toxics.LimitDataToxic{Bytes: 100}), reasons: broken, stays: true},
		{name: "answers/limit_data in the middle", strike: answers(&toxics.LimitDataToxic{Bytes: int64(middle)}), reasons: broken},
		{name: "answers/slow_close", strike: answers(&toxics.SlowCloseToxic{Delay: soon})},

		{name: "requests/latency", strike: requests(&toxics.LatencyToxic{Latency: 40, Jitter: 30})},
		{name: "requests/bandwidth", strike: requests(&toxics.BandwidthToxic{Rate: 2})},
		{name: "requests/slicer", strike: requests(&toxics.SlicerToxic{AverageSize: 10, SizeVariation: 8})},
		{name: "requests/reset_peer", strike: requests(&toxics.ResetToxic{}), reasons: broken},
		{name: "requests/timeout", strike: requests(&toxics.TimeoutToxic{Timeout: soon}), reasons: either, stays: true},
		{name: "requests/timeout without an end", strike: requests(&toxics.TimeoutToxic{Timeout: never}), reasons: silent},
		{name: "requests/limit_data", strike: requests(&toxics.LimitDataToxic{Bytes: 40}), reasons: broken},
		{name: "requests/slow_close", strike: requests(&toxics.SlowCloseToxic{Delay: soon})},

		{name: "down", strike: (*wire).down, reasons: refused, stays: true},
		{name: "down, up", strike: func(w *wire) {
			w.down()
			w.after(60*time.Millisecond, w.up)
		}},
		{name: "down in the middle", strike: func(w *wire) {
			answers(&later{middle, &strike{do: w.down}})(w)
		}, reasons: append(broken, refused...)},
		{name: "down in the middle, up", strike: func(w *wire) {
			answers(&later{middle, &strike{do: func() {
				w.down()
				w.after(20*time.Millisecond, w.up)
			}}})(w)
		}, reasons: broken},
	}
}
