// Package proxy answers one OpenFaaS log request from many log providers.
//
//	GET /system/logs
//	      │ request.go     parse, 422
//	      ▼
//	   Handler ──────────── handler.go
//	      │ fanout.go      one goroutine for each upstream; no failure cancels a sibling
//	      ├──────────────┬──────────────┐
//	   client         client         client       client.go, retry.go, failure.go
//	      │ GET          │              │         one answer: answer.go
//	   line.Reader    line.Reader    line.Reader  bytes to blocks of lines
//	      └──────────────┼──────────────┘
//	                     ▼
//	      merge.Sorter or merge.Ordered           bounded.go, streamed.go
//	                     │ status.go      chosen before the first byte
//	                     ▼
//	                  output               output.go, warning.go
//
// A request owns its goroutines: each ends before ServeHTTP returns. What reads
// a line knows no URL, and what writes the response knows no upstream. Blocks of
// lines are handed over, never shared.
//
// The wire format is that of github.com/openfaas/faas-provider's logs package.
package proxy
