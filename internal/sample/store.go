package sample

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// defaultNamespace is where a line or a request that names no namespace belongs.
const defaultNamespace = "openfaas-fn"

// A Line is one logged line as a provider's store holds it.
type Line struct {
	// Instance is the pod's name (faas-netes), the PID (faasd) or the instance label (openfaas-loki).
	Instance string
	// Namespace is the function's. If empty, it is openfaas-fn.
	Namespace string
	// Time is when the line was logged.
	Time time.Time
	// Text is the line without its newline.
	Text string
}

// A Store holds the lines of functions and wakes their followers. Its zero value is empty and ready,
// and it is safe for concurrent use.
type Store struct {
	mu        sync.Mutex
	functions map[string]*function
	changed   chan struct{} // closed, then replaced, by a change; nil while nobody waits
}

// A function's slices only grow, so what a view shares of them never changes.
type function struct {
	lines   []entry
	streams []stream
}

// An entry is a line and when it came into the store, by the machine's clock.
type entry struct {
	Line
	arrived time.Time
}

// Append adds lines to a function, in one step. A line must not be earlier than the one before of the same
// instance. A function exists from its first line on.
func (s *Store) Append(name string, lines ...Line) {
	if len(lines) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		if s.functions == nil {
			s.functions = make(map[string]*function)
		}
		f = &function{}
		s.functions[name] = f
	}
	now := time.Now()
	for _, line := range lines {
		line.Namespace = cmp.Or(line.Namespace, defaultNamespace)
		f.append(entry{line, now})
	}
	s.wake()
}

// Remove forgets a function and its lines. Follows of it stay open, and see the lines it gets later.
func (s *Store) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.functions, name)
	s.wake()
}

func (s *Store) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

func (f *function) append(e entry) {
	i := slices.IndexFunc(f.streams, func(st stream) bool {
		return st.instance == e.Instance && st.namespace == e.Namespace
	})
	if i < 0 {
		i = len(f.streams)
		f.streams = append(f.streams, stream{namespace: e.Namespace, instance: e.Instance})
	}
	f.streams[i].index = append(f.streams[i].index, len(f.lines))
	f.lines = append(f.lines, e)
}

// A view is one function at one moment.
type view struct {
	of      *function       // nil if it is missing; another one after it was removed and came back
	lines   []entry         // as they arrived
	streams []stream        // as they first appeared
	changed <-chan struct{} // closed at the store's next change
}

// view shows a function as it is now. A nil Store holds nothing and never changes.
func (s *Store) view(name string) view {
	if s == nil {
		return view{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	v := view{changed: s.changed}
	if f := s.functions[name]; f != nil {
		v.of, v.lines, v.streams = f, f.lines, slices.Clone(f.streams)
		for i := range v.streams {
			v.streams[i].lines = f.lines
		}
	}
	return v
}

// in returns the streams of one namespace.
func (v view) in(namespace string) []stream {
	namespace = cmp.Or(namespace, defaultNamespace)
	return slices.DeleteFunc(slices.Clone(v.streams), func(s stream) bool { return s.namespace != namespace })
}

// A stream is the lines of one instance in one namespace, ascending by time.
type stream struct {
	namespace, instance string
	lines               []entry // the function's
	index               []int   // of this stream's lines among them
}

func (s stream) len() int       { return len(s.index) }
func (s stream) at(i int) entry { return s.lines[s.index[i]] }

// cut returns the stream's lines from first up to end.
func (s stream) cut(first, end int) stream {
	s.index = s.index[first:end]
	return s
}

// since returns the index of the first line that is not before start.
func (s stream) since(start time.Time) int {
	i, _ := slices.BinarySearchFunc(s.index, start, func(at int, start time.Time) int {
		return s.lines[at].Time.Compare(start)
	})
	return i
}
