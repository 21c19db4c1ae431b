package demo

import (
	"fmt"
	"time"
)

// function is whose logs the demo holds.
const function = "figlet"

// The instances: pods of a Deployment, or a process of faasd's.
const (
	west1 = "figlet-5d8f9c7b6-x2k4q"
	west2 = "figlet-5d8f9c7b6-9hqzt"
	edge1 = "2841"
	east1 = "figlet-7c6d5b94f-ttw8n"
	east2 = "figlet-7c6d5b94f-m5rjd"
)

// An entry is a line of an instance.
type entry struct{ instance, text string }

const ms = time.Millisecond

// history is what the instances have logged by the time the demo starts: in
// several places at once, and within every provider's default window.
var history = []struct {
	ago time.Duration
	entry
}{
	{232_418 * ms, entry{west1, "Version: 0.9.15 SHA: 1a5d8a7"}},
	{232_391 * ms, entry{west1, "Forking: figlet, arguments: []"}},
	{232_102 * ms, entry{edge1, "Forking: figlet, arguments: []"}},
	{231_870 * ms, entry{west1, "Listening on port: 8080, ready after 548ms"}},
	{231_633 * ms, entry{edge1, "Listening on port: 8080, ready after 469ms"}},
	{200_889 * ms, entry{east1, "Forking: figlet, arguments: []"}},
	{200_077 * ms, entry{east1, "Listening on port: 8080, ready after 812ms"}},
	{199_940 * ms, entry{east1, "POST / - 200 OK - ContentLength: 194B (0.0121s)"}},
	{168_513 * ms, entry{west1, "POST / - 200 OK - ContentLength: 211B (0.0098s)"}},
	{168_511 * ms, entry{edge1, "POST / - 200 OK - ContentLength: 87B (0.0140s)"}},
	{168_498 * ms, entry{east1, "POST / - 200 OK - ContentLength: 305B (0.0117s)"}},
	{125_266 * ms, entry{west2, "Listening on port: 8080, ready after 601ms"}},
	{124_902 * ms, entry{west2, "POST / - 200 OK - ContentLength: 194B (0.0102s)"}},
	{124_715 * ms, entry{west1, "POST / - 200 OK - ContentLength: 194B (0.0093s)"}},
	{91_350 * ms, entry{edge1, "stderr: figlet: gothic: Unable to open font file"}},
	{91_344 * ms, entry{edge1, "POST / - 500 Internal Server Error - ContentLength: 14B (0.0066s)"}},
	{90_981 * ms, entry{east2, "Listening on port: 8080, ready after 774ms"}},
	{90_645 * ms, entry{east2, "POST / - 200 OK - ContentLength: 162B (0.0113s)"}},
	{47_208 * ms, entry{west2, "POST / - 200 OK - ContentLength: 250B (0.0105s)"}},
	{47_195 * ms, entry{east1, "POST / - 200 OK - ContentLength: 250B (0.0119s)"}},
	{12_839 * ms, entry{west1, "POST / - 200 OK - ContentLength: 194B (0.0091s)"}},
	{12_821 * ms, entry{edge1, "POST / - 200 OK - ContentLength: 194B (0.0138s)"}},
	{12_804 * ms, entry{east2, "POST / - 200 OK - ContentLength: 194B (0.0112s)"}},
}

func (ps providers) logHistory(now time.Time) {
	for _, h := range history {
		ps.log(h.entry, now.Add(-h.ago))
	}
}

// live is the nth line of a series of calls that go round the instances of all
// providers. No other line has its text.
func live(ps providers, series string, n int) entry {
	p := ps[n%len(ps)]
	instance := p.instances[n/len(ps)%len(p.instances)]
	return entry{instance, fmt.Sprintf("POST / - 200 OK - ContentLength: %dB (%.4fs) [%s-%02d]",
		100+n*37%200, 0.009+float64(n%7)/1000, series, n+1)}
}
