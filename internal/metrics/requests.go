package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openfaas-logmux/logmux/proxy"
)

// requests are counted as clients see them.
type requests struct {
	total      *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	followers  prometheus.Gauge
	incomplete prometheus.Counter
	spilled    prometheus.Counter
}

func newRequests() *requests {
	r := &requests{
		total:      counter("logmux_requests_total", "Log requests by the status they were answered with; 0 if the client left before. Without those that were refused at the door: 401, 414, 503.", "follow", "status"),
		duration:   histogram("logmux_request_duration_seconds", "Time from a log request to the end of its answer.", seconds, "follow"),
		followers:  gauge("logmux_followers", "Requests with follow=true that are under way.", nil),
		incomplete: prometheus.NewCounter(prometheus.CounterOpts{Name: "logmux_incomplete_answers_total", Help: "Answers that lack lines which had arrived, for want of room in memory and files."}),
		spilled:    prometheus.NewCounter(prometheus.CounterOpts{Name: "logmux_spilled_bytes_total", Help: "Bytes of lines that were written to files, for want of room in memory."}),
	}
	for _, follow := range []bool{false, true} {
		r.duration.WithLabelValues(strconv.FormatBool(follow))
		for _, status := range []int{http.StatusOK, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout} {
			r.total.WithLabelValues(strconv.FormatBool(follow), strconv.Itoa(status))
		}
	}
	return r
}

func (r *requests) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.total, r.duration, r.followers, r.incomplete, r.spilled}
}

func (r *requests) began(request proxy.Request) {
	if request.Follow {
		r.followers.Inc()
	}
}

func (r *requests) ended(report *proxy.Report) {
	if report.Request.Follow {
		r.followers.Dec()
	}
	follow := strconv.FormatBool(report.Request.Follow)
	r.total.WithLabelValues(follow, strconv.Itoa(report.Status)).Inc()
	r.duration.WithLabelValues(follow).Observe(report.Duration.Seconds())
	r.spilled.Add(float64(report.Spilled))
	if report.Missing != nil {
		r.incomplete.Inc()
	}
}
