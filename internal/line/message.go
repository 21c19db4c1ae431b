package line

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"time"
)

// A Message is one log line on the wire: logs.Message of faas-provider.
type Message struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

var errNoObject = errors.New("not a JSON object")

// decode reads any line that is a message, by the rules of encoding/json: keys
// in any case, the last of equal ones, null for any value.
func decode(line []byte) (Message, error) {
	var m Message
	// encoding/json also takes null for a message: it leaves it as it is.
	if trimmed := bytes.TrimLeft(line, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return m, errNoObject
	}
	err := json.Unmarshal(line, &m)
	return m, err
}

// The instants that int64 nanoseconds reach.
var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// Key is the sort key of an instant: nanoseconds since the Unix epoch, or the
// end of their range that the instant is beyond.
func Key(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Time is the instant of a key, in UTC.
func Time(key int64) time.Time { return time.Unix(0, key).UTC() }

// Append appends the message as one line, as a provider would send it.
// Invalid UTF-8 is replaced.
func Append(dst []byte, m Message) []byte {
	encoded, err := json.Marshal(m)
	if err != nil {
		// Only a year beyond 9999 can fail, and a key has none.
		panic("line: " + err.Error())
	}
	return append(append(dst, encoded...), '\n')
}

// An inner logmux's warning is known by these two.
const (
	WarningInstance = "logmux"
	WarningPrefix   = "logmux: "
)

// Text is the text of a message line; empty if the line is none.
func Text(line []byte) string {
	m, err := decode(line)
	if err != nil {
		return ""
	}
	return m.Text
}
