package server

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// A filler is a body of whatever is in the reader's memory, which costs nothing.
type filler struct{}

func (filler) Read(p []byte) (int, error) { return len(p), nil }

// What is uploaded is held in no more than buffers, whether or not it is known
// how long it is.
func TestAGigabytePassesThrough(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const bound = 16 << 20 // bytes of the heap
	var peak uint64        // written where the body is read, and read after
	d, _, _ := passing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int64
		for buf := make([]byte, 1<<20); ; {
			k, err := io.ReadFull(r.Body, buf)
			n += int64(k)
			if n%(64<<20) == 0 {
				peak = max(peak, heap())
			}
			if err != nil {
				break
			}
		}
		fmt.Fprint(w, n)
	}), "")
	d.client.Timeout = time.Minute
	for _, tt := range []struct{ size, length int64 }{{1 << 30, 1 << 30}, {128 << 20, -1}} {
		peak = 0
		runtime.GC()
		before := heap()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/upload", io.LimitReader(filler{}, tt.size))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = tt.length
		if got := d.send(req); got.err != nil || got.body != fmt.Sprint(tt.size) {
			t.Errorf("length %d: got %+v", tt.length, got)
		}
		if peak > before+bound {
			t.Errorf("length %d: the heap grew by %d MB", tt.length, (peak-before)>>20)
		}
	}
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
