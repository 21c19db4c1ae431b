package config

import "time"

// presets are each kind's Traits, with the observation behind them.
//
// SinceSlack is no less than the rounding that was seen, and asks for too much rather than too little:
// what is older than a request's since is dropped afterwards.
var presets = map[Kind]Traits{
	// Pods interleave or come as blocks. tail keeps the newest N of each pod, a superset of the newest N.
	// since is turned into whole seconds ago and starts up to 1 s late. instance is ignored.
	KindFaasNetes: {
		SinceSlack: 2 * time.Second,
		TailMode:   TailNewest,
		FollowMode: FollowStream,
	},
	// One journal, read in its order. tail keeps the oldest N of the window before systemd 254 and
	// the newest N since, so it is not asked for one. since is cut to whole seconds. instance is the process id,
	// and ignored in a request.
	KindFaasd: {
		Ordered:    true,
		SinceSlack: 2 * time.Second,
		TailMode:   TailAll,
		FollowMode: FollowStream,
	},
	// Streams come in random order. tail keeps the oldest N, and a limit above 5000 is answered with 200 and
	// nothing, as is a since older than Loki's max_query_length of 30 days: an hour less leaves room for clocks.
	// since is exact. instance is honoured. follow is ignored: the answer ends within milliseconds.
	KindOpenFaaSLoki: {
		TailMode:        TailOldest,
		MaxLimit:        5000,
		MaxLookback:     719 * time.Hour,
		HonoursInstance: true,
		FollowMode:      FollowPoll,
	},
	// What logmux promises itself: an ascending bounded answer, the newest N, an exact since and instance.
	KindLogmux: {
		Ordered:         true,
		TailMode:        TailNewest,
		HonoursInstance: true,
		FollowMode:      FollowStream,
	},
	// Nothing is known: the built-in defaults, which trust neither its order nor its since nor its instance.
	KindGeneric: {
		SinceSlack: 2 * time.Second,
		TailMode:   TailNewest,
		FollowMode: FollowStream,
	},
}
