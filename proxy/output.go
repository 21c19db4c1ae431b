package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/merge"
)

// An output writes a response in large blocks and gives each write a deadline,
// so that a client that takes nothing ends its own request and no other.
type output struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	timeout   time.Duration
	block     *merge.Block // what is not yet sent, in its Bytes; nil if nothing is
	err       error        // of the first write that failed
	written   time.Time    // when the last write began
	unflushed bool         // net/http may still hold some of it
}

const (
	outputBlock         = 128 << 10
	defaultWriteTimeout = 30 * time.Second
)

func newOutput(w http.ResponseWriter, timeout time.Duration) *output {
	if timeout == 0 {
		timeout = defaultWriteTimeout
	}
	return &output{w: w, control: http.NewResponseController(w), timeout: timeout}
}

// begin sends the status and the header, and announces the trailer. From here a
// failure can only be told in the body and the trailer.
func (o *output) begin(results []Result, trailer bool) {
	h := o.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Content-Type-Options", "nosniff")
	// Otherwise net/http sends a short answer with its length.
	h.Set("Transfer-Encoding", "chunked")
	setOutcomes(h, results)
	if trailer {
		h.Set("Trailer", headerFailed)
	}
	o.w.WriteHeader(http.StatusOK)
}

// write sends whole lines, in time.
func (o *output) write(lines []byte) error {
	if o.block != nil && len(o.block.Bytes)+len(lines) > outputBlock {
		o.send()
	}
	if o.err != nil {
		return o.err
	}
	if len(lines) >= outputBlock {
		return o.pass(lines)
	}
	if o.block == nil {
		o.block = merge.GetBlock(outputBlock)
	}
	o.block.Bytes = append(o.block.Bytes, lines...)
	return nil
}

// send hands what is buffered to net/http.
func (o *output) send() error {
	if o.block == nil {
		return o.err
	}
	o.pass(o.block.Bytes)
	o.block.Free()
	o.block = nil
	return o.err
}

// flush hands everything to the client.
func (o *output) flush() error {
	if o.send() == nil && o.unflushed {
		o.err, o.unflushed = o.control.Flush(), false
	}
	return o.err
}

// blank sends an empty line, which readers of the stream skip.
func (o *output) blank() {
	if o.send() == nil && o.pass([]byte("\n")) == nil {
		o.flush()
	}
}

func (o *output) pass(b []byte) error {
	if o.err == nil {
		o.written = time.Now()
		o.extend()
		_, o.err = o.w.Write(b)
		o.unflushed = true
	}
	return o.err
}

// end sends what is left, and gives net/http time to end the response.
func (o *output) end() {
	if o.send() == nil {
		o.extend()
	}
}

// extend gives the next write its time. A writer without deadlines has its own.
func (o *output) extend() { _ = o.control.SetWriteDeadline(time.Now().Add(o.timeout)) }

// The header fields, and the trailer, that say how each upstream ended.
const (
	headerOK     = "X-Logmux-Ok"
	headerAbsent = "X-Logmux-Absent"
	headerFailed = "X-Logmux-Failed"
)

// setOutcomes sets the header fields of the results.
func setOutcomes(h http.Header, results []Result) {
	lists := map[Outcome][]string{}
	for i := range results {
		r := &results[i]
		entry := r.Upstream
		if r.Failure != nil {
			entry += "=" + string(r.Failure.Reason)
		}
		lists[r.Outcome] = append(lists[r.Outcome], entry)
	}
	for outcome, name := range map[Outcome]string{OK: headerOK, Absent: headerAbsent, Failed: headerFailed} {
		if len(lists[outcome]) > 0 {
			h.Set(name, strings.Join(lists[outcome], ","))
		}
	}
}
