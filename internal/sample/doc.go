// Package sample holds log providers that answer as the real ones do, over lines kept in memory.
// They serve a demonstration, and tests that need the real providers' habits without the real providers.
//
//	Append -> Store -> FaasNetes | Faasd | Loki -> Recorder, Faults, BasicAuth -> client
//	                   Static (its own three lines)
//
// [FaasNetes], [Faasd] and [Loki] differ as faas-netes, faasd and openfaas-loki differ: in the order of
// lines, in what tail keeps, in the window and how since is rounded, in what a missing function is, and in
// what follow does. What is random at the real providers is random here by a seed. [Static] is faas-provider's
// example, which never ends an answer. [Faults] stands in front of any of them and breaks what it is told
// to break; [Recorder] keeps what was asked.
//
// All serve GET /system/logs, and GET /healthz as faas-provider does. Their fields must not change once they
// serve. Each works within the goroutine that calls ServeHTTP: the package starts none, so none outlives
// its request. A follow, a hang and [Static] end when the request's context does.
package sample
