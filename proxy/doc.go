// Package proxy answers one OpenFaaS log request from many log providers.
//
//	GET /system/logs
//	      │ request.go     parse, 422
//	      ▼
//	   Handler             handler.go; routing.go says who is asked
//	      │
//	      ├─ bounded ───── one goroutine for each upstream; no failure cancels a sibling: fanout.go
//	      │     client ──> asking ──> answer        client.go, asking.go, answer.go; what one request
//	      │        │                                cannot give: pages.go, bisect.go
//	      │     line.Reader                         bytes to blocks of lines
//	      │        ▼
//	      │     merge.Sorter or merge.Ordered       bounded.go, streamed.go; replicas.go
//	      │
//	      └─ follow ────── one goroutine for each upstream again, in a loop of askings: follower.go
//	            overlap ──> backlog: merge.Sorter   overlap.go
//	                   └──> live: merge.Window      follow.go; signals.go has what is told of upstreams
//	                               │
//	            status.go ──> output ──> client     output.go, warning.go
//
// How an exchange may fail is in failure.go, retry.go and idle.go; how an upstream
// ended, in result.go.
//
// A request owns its goroutines: each ends before ServeHTTP returns. What reads
// a line knows no URL, and what writes the response knows no upstream. Blocks of
// lines are handed over, never shared.
//
// The wire format is that of github.com/openfaas/faas-provider's logs package.
package proxy
