// Package monitoring_test reads the alerts and the dashboard as Prometheus does, and
// holds them to the metrics that logmux exposes:
//
//	internal/metrics -> exposed.go -> engine_test.go -> dashboard_test.go: what each panel shows
//	series of a case ---------------> engine_test.go -> alerts_test.go: when each alert fires
package monitoring_test

const root = "../../.."
