// Package faults puts networks that break between logmux and its upstreams, and
// holds the answers to one promise: an upstream's lines are all there, in order
// and once, or the upstream is named as failed.
//
//	client ──> proxy.Handler ──> wire ──> provider of internal/sample
//	                              │
//	                              └ toxics of github.com/Shopify/toxiproxy, over real TCP
//
// There are only tests here, and a soak as a benchmark; see README.md. They are a
// module of their own, so that logmux itself does not depend on toxiproxy. Linux
// only: a wire that is down keeps its port, and open files are counted in /proc.
//
// Of toxiproxy only the toxics are used. Its proxy keeps the goroutines of each
// connection whose receiver has left, and waits for ever when a toxic is taken
// off one: both is what this package does all the time, and what it looks for
// in logmux.
package faults
