package proxy

import "net/http"

// chooseStatus is the status of a request whose upstreams ended like this. It
// avoids those that the gateway turns into something else: 206, 404 and 501.
func chooseStatus(results []Result) int {
	excuse(results)
	var ok, failed, timeouts int
	for i := range results {
		r := &results[i]
		if r.Outcome == Failed && !r.excused {
			failed++
			if r.Failure.Reason == ReasonTimeout {
				timeouts++
			}
			if r.required {
				return http.StatusBadGateway
			}
		}
		if r.Outcome == OK || r.Outcome == Failed && r.delivered() {
			ok++
		}
	}
	switch {
	case ok > 0:
		return http.StatusOK
	case failed == 0:
		return http.StatusInternalServerError // what faas-netes says of a missing function
	case timeouts == failed:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}
