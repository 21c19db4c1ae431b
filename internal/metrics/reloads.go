package metrics

import "github.com/prometheus/client_golang/prometheus"

// reloads tell whether the config in use is the one that is there.
type reloads struct {
	successful prometheus.Gauge
	at         prometheus.Gauge
}

func newReloads() *reloads {
	r := &reloads{
		successful: gauge("logmux_config_last_reload_successful", "Whether the last reload of the config was one: 1, or 0 if the file could not be used and the config before stays in use.", nil),
		at:         gauge("logmux_config_last_reload_success_timestamp_seconds", "When the config in use was taken.", nil),
	}
	r.ended(true) // at the start
	return r
}

func (r *reloads) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.successful, r.at}
}

func (r *reloads) ended(ok bool) {
	if !ok {
		r.successful.Set(0)
		return
	}
	r.successful.Set(1)
	r.at.SetToCurrentTime()
}
