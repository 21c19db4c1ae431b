// Package proxy answers one OpenFaaS log request from many log providers.
//
//	GET /system/logs
//	      │ request.go     parse, 422
//	      ▼
//	   Handler             handler.go; routing.go says who is asked, source.go and
//	      │                discovery.go which clients they are, hop.go what comes along
//	      │
//	      ├─ bounded ───── one goroutine for each upstream; no failure cancels a sibling: fanout.go
//	      │     client ──> asking ──> answer        client.go, asking.go, answer.go; what one request
//	      │        │                                cannot give: pages.go, bisect.go; transport.go
//	      │     line.Reader                         bytes to blocks of lines
//	      │        ▼
//	      │     merge.Sorter or merge.Ordered       bounded.go, streamed.go; replicas.go
//	      │
//	      └─ follow ────── one goroutine for each upstream again, in a loop of askings: follower.go
//	            overlap ──> backlog: merge.Sorter   overlap.go
//	                   └──> live: merge.Window      follow.go, follow_discovery.go; signals.go has
//	                               │                what is told of upstreams
//	                               │
//	            status.go ──> output ──> client     output.go, warning.go
//
// How an exchange may fail is in failure.go, retry.go, breaker.go and idle.go; what is
// not told of it, in conceal.go; how an upstream ended, in result.go. In process there
// are Answer (inprocess.go) and the Requester of faas-provider (requester.go).
//
// A request owns its goroutines: each ends before ServeHTTP or Answer returns, and
// that of a Query when its channel is closed. Discover runs in its caller's. What reads
// a line knows no URL, and what writes the response knows no upstream. Blocks of
// lines are handed over, never shared.
//
// The wire format is that of github.com/openfaas/faas-provider's logs package.
package proxy
