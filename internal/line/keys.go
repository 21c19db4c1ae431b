package line

import (
	"math"
	"time"
)

// keys gives each line its sort key and remembers what it takes to give one to
// a line without a timestamp: the last key of each instance and of them all.
type keys struct {
	filter    Filter
	labels    Labels
	instances map[string]*instance
	recent    [8]*instance // a few of them, to be found without hashing

	last    int64 // the upstream's previous key
	hasLast bool
	madeUp  bool  // last is no line's key, but the time when one was needed
	highest int64 // of all timestamps
}

// An instance is what is known of one instance of an upstream.
type instance struct {
	name   string
	last   int64
	seen   bool // last is set
	wanted bool // passes the filter
	logmux bool // of an inner logmux, so perhaps a warning
}

// Past so many instances the further ones are not remembered; their lines
// without a timestamp take the upstream's previous key.
const maxInstances = 10_000

func newKeys(f Filter, l Labels) keys {
	return keys{filter: f, labels: l, instances: map[string]*instance{}, highest: math.MinInt64}
}

// of returns what is known of the instance.
func (k *keys) of(name []byte) *instance {
	slot := len(name)
	if slot > 0 {
		slot += int(name[slot-1]) // pods differ in their last characters
	}
	slot %= len(k.recent)
	in := k.recent[slot]
	if in == nil || in.name != string(name) {
		in = k.find(name)
		k.recent[slot] = in
	}
	return in
}

func (k *keys) find(name []byte) *instance {
	in, ok := k.instances[string(name)]
	if ok {
		return in
	}
	in = &instance{
		name:   string(name),
		wanted: k.filter.Instance == "" || k.filter.Instance == k.labels.InstancePrefix+string(name),
		logmux: string(name) == WarningInstance,
	}
	if len(k.instances) < maxInstances {
		k.instances[in.name] = in
	}
	return in
}

// set notes the key of a line and reports whether it is below an earlier one.
func (k *keys) set(in *instance, key int64) (disorder bool) {
	in.last, in.seen = key, true
	disorder = key < k.highest
	k.highest = max(k.highest, key)
	k.last, k.hasLast = key, true
	return disorder
}

// missing is the key of a line of the instance that has no timestamp, and what
// that is for its identity: another asking makes up another time.
func (k *keys) missing(in *instance, now func() time.Time) (key, id int64) {
	if in.seen {
		key = in.last
	} else {
		key = k.previous(now)
	}
	if k.madeUp {
		return key, 0
	}
	return key, key
}

// previous is the upstream's previous key, or now.
func (k *keys) previous(now func() time.Time) int64 {
	if !k.hasLast {
		k.last, k.hasLast, k.madeUp = Key(now()), true, true
	}
	return k.last
}
