package line

import (
	"math"
	"time"
)

// A Filter says which lines a request asks for. Providers ignore or round what
// they are asked, so every line is held to it here. The zero value passes all.
type Filter struct {
	// Since is the earliest timestamp. If zero, there is none.
	Since time.Time
	// Instance is the one instance whose lines pass, as the labels make it. If
	// empty, all do.
	Instance string
	// Namespace is the one whose lines pass, beside those of no namespace:
	// some providers never fill it in. If empty, all do.
	Namespace string
}

func (f *Filter) since() int64 {
	if f.Since.IsZero() {
		return math.MinInt64
	}
	return Key(f.Since)
}
