// Package fresh holds what is made of files that change while the program runs:
// secrets, certificates.
//
//	Get ──looked lately──> the value as it is
//	 └──> stat ──unchanged──> the value as it is
//	        └──> read ──> parse ──> the new value, or the last good one
//
// It starts no goroutine: whoever asks for a value looks at its files.
package fresh

import (
	"sync"
	"sync/atomic"
	"time"
)

// lookInterval is how old the value of a changed file can be. It makes the cost
// of a Get that of reading the clock, however many there are.
const lookInterval = 100 * time.Millisecond

// A Value is made of the contents of files and made anew when one of them
// changes. It is safe for concurrent use.
type Value[T any] struct {
	// Failed, if not nil, is told why the files cannot be read or parsed: once
	// for each change, not for each Get. The error names the file and shows
	// nothing of what it holds. It is called by a Get before that returns, is safe
	// for concurrent use, and has to be set before the first one.
	Failed func(error)

	parse func(contents [][]byte) (T, error)
	last  atomic.Pointer[outcome[T]]

	looking  sync.Mutex // guards what follows
	files    files
	unread   string // the reason that Failed was told last; empty if the files could be read
	unparsed error  // what parse said of the contents
}

// An outcome is what a look at the files led to.
type outcome[T any] struct {
	value T
	good  bool
	err   error     // only of what never was good
	due   time.Time // of the next look
}

// Of returns the value that parse makes of the files' contents. They come in the
// order of the paths; those of an empty path, a file that is not configured, are
// nil. parse does not change them, and its errors name the file but quote
// nothing from it. It is called again only for contents that differ, by one
// goroutine at a time.
//
// A file that is over 1 MiB or not a regular one cannot be read. Of itself reads
// nothing: a program that wants to know at its start calls Get.
func Of[T any](parse func(contents [][]byte) (T, error), paths ...string) *Value[T] {
	return &Value[T]{parse: parse, files: files{paths: paths}}
}

// Get returns the value of the files as they are, or the last good one where
// they cannot be read or parsed just now: a rotation that is half done, say,
// with a certificate whose key is yet to come. The error is of a value that
// never was good.
//
// A change is seen after a tenth of a second at most. Where looking takes long,
// on a network's disk, one caller waits for it and the others get what there is.
func (v *Value[T]) Get() (T, error) {
	last := v.last.Load()
	switch {
	case last == nil:
		v.looking.Lock() // there is nothing to return meanwhile
	case time.Now().Before(last.due) || !v.looking.TryLock():
		return last.value, last.err
	}
	last, failure := v.look()
	if failure != nil && v.Failed != nil {
		v.Failed(failure)
	}
	return last.value, last.err
}

// look is called with v.looking held and gives it back. Its error is news for
// Failed.
func (v *Value[T]) look() (*outcome[T], error) {
	defer v.looking.Unlock()
	var next outcome[T]
	if last := v.last.Load(); last != nil {
		if time.Now().Before(last.due) { // somebody else just looked
			return last, nil
		}
		next = *last
	}

	var failure error
	contents, err := v.files.news()
	switch {
	case err != nil:
		if v.unread != err.Error() {
			v.unread, failure = err.Error(), err
		}
	case contents == nil:
		v.unread, err = "", v.unparsed
	default:
		var value T
		if value, err = v.parse(contents); err == nil {
			next = outcome[T]{value: value, good: true}
		}
		v.unread, v.unparsed, failure = "", err, err
	}
	if !next.good {
		next.err = err
	}
	next.due = time.Now().Add(lookInterval)
	v.last.Store(&next)
	return &next, failure
}
