package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/openfaas-logmux/logmux/proxy"
)

// reasons are those that the series of every upstream begin with.
var reasons = []proxy.Reason{
	proxy.ReasonDial, proxy.ReasonTLS, proxy.ReasonAuth, proxy.ReasonTimeout, proxy.ReasonTruncated,
	proxy.ReasonMalformed, proxy.ReasonBreaker, "status-500", "status-502", "status-503", "status-504",
}

// statuses are counted each by itself: those of a provider, of what may stand
// before one, and of a loop.
var statuses = []int{302, 400, 429, 500, 502, 503, 504, 508}

// label is the value of the label for a failure's reason. An upstream may answer
// any status: the odd ones share a value for each class, so that none can make
// series without end.
func label(r proxy.Reason) string {
	digits, ok := strings.CutPrefix(string(r), "status-")
	if !ok {
		return string(r)
	}
	switch status, err := strconv.Atoi(digits); {
	case err != nil, status < 100, status > 599:
		return "status-other"
	case slices.Contains(statuses, status):
		return string(r)
	default:
		return fmt.Sprintf("status-%dxx", status/100)
	}
}
