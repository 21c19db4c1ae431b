//go:build linux

package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// A level is what the process has of what may leak.
type level struct {
	goroutines int
	files      []string // what the descriptors are
	heap       uint64   // bytes in use
}

// heapTolerance is how many bytes more than at the start are no leak: maps and
// pools that have grown, and the runtime's own.
const heapTolerance = 1 << 20

// rest waits until the process has come to rest, and measures it. Connections
// end a moment after both sides have closed them.
func rest() level {
	now := measure()
	for still := 0; still < 5; {
		time.Sleep(50 * time.Millisecond)
		next := measure()
		if still++; next.goroutines != now.goroutines || len(next.files) != len(now.files) {
			still = 0
		}
		now = next
	}
	for range 3 { // what is in a pool stays for two collections
		runtime.GC()
	}
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	now.heap = memory.HeapAlloc
	return now
}

func measure() level {
	l := level{goroutines: runtime.NumGoroutine()}
	const directory = "/proc/self/fd/"
	entries, _ := os.ReadDir(directory)
	for _, e := range entries {
		file, err := os.Readlink(directory + e.Name())
		if err == nil { // or it was the directory itself
			l.files = append(l.files, file)
		}
	}
	return l
}

// leftOver says what there is more than there was before.
func (l level) leftOver(before level) error {
	var all []error
	if l.goroutines > before.goroutines {
		var stacks bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		all = append(all, fmt.Errorf("%d goroutines, %d before:\n%s", l.goroutines, before.goroutines, &stacks))
	}
	if len(l.files) > len(before.files) {
		added := slices.DeleteFunc(slices.Clone(l.files), func(f string) bool { return slices.Contains(before.files, f) })
		all = append(all, fmt.Errorf("%d open files, %d before: %s", len(l.files), len(before.files), strings.Join(added, ", ")))
	}
	if l.heap > before.heap+heapTolerance {
		all = append(all, fmt.Errorf("%d bytes of heap, %d before", l.heap, before.heap))
	}
	return errors.Join(all...)
}
