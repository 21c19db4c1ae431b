package sample

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// Faults stands in front of a provider and breaks what it is told to break.
type Faults struct {
	// Handler is the provider.
	Handler http.Handler

	set atomic.Pointer[[]Fault]
}

// A Fault puts what is wrong in front of next.
type Fault func(next http.Handler) http.Handler

// Set replaces the faults: the first is met first, and none heals the provider. It counts for requests that
// begin later, and is safe for concurrent use.
func (f *Faults) Set(faults ...Fault) {
	faults = slices.Clone(faults)
	f.set.Store(&faults)
}

func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler := f.Handler
	if faults := f.set.Load(); faults != nil {
		for _, fault := range slices.Backward(*faults) {
			handler = fault(handler)
		}
	}
	handler.ServeHTTP(w, r)
}

// Refuse answers with a status, the header's fields (Retry-After, say; nil for none) and the status' text.
func Refuse(status int, header http.Header) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		http.Error(w, http.StatusText(status), status)
	})
}

// HTML answers 200 with a web page, as a login page in front of a provider does.
func HTML() Fault {
	const page = "<!DOCTYPE html>\n<html>\n<head><title>Sign in</title></head>\n<body>Please sign in.</body>\n</html>\n"
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, page)
	})
}

// Drop closes the connection before the header.
func Drop() Fault {
	return instead(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// HangBeforeHeader answers nothing until the client leaves.
func HangBeforeHeader() Fault {
	return instead(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Delay waits before the request goes on to the provider.
func Delay(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if awaitChange(r.Context(), nil, d) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// HangAfter lets so many lines through, and then nothing until the client leaves. A shorter answer hangs at its end.
func HangAfter(lines int) Fault {
	return after(lines, func(ctx context.Context, w http.ResponseWriter, _ []byte) error {
		http.NewResponseController(w).Flush()
		<-ctx.Done()
		return ctx.Err()
	})
}

// CutAfter lets so many lines and half of the next through, and then breaks the connection and its chunking.
// A shorter answer breaks at its end.
func CutAfter(lines int) Fault {
	return after(lines, func(_ context.Context, w http.ResponseWriter, next []byte) error {
		w.Write(next[:len(next)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// Times is the fault for the first n requests only.
func Times(n int, fault Fault) Fault {
	var left atomic.Int64
	left.Store(int64(n))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler := next
			if left.Add(-1) >= 0 {
				handler = fault(next)
			}
			handler.ServeHTTP(w, r)
		})
	}
}

func instead(answer http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return answer }
}

// An ending is what happens in place of the rest of an answer, whose next line (or its beginning) it gets.
type ending func(ctx context.Context, w http.ResponseWriter, next []byte) error

func after(lines int, end ending) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&lineWriter{ResponseWriter: w, left: lines, end: func(line []byte) error {
				return end(r.Context(), w, line)
			}}, r)
			end(r.Context(), w, nil)
		})
	}
}

// A lineWriter lets lines through until none is left, and ends the answer there.
type lineWriter struct {
	http.ResponseWriter
	left int
	end  func(line []byte) error
}

func (l *lineWriter) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *lineWriter) Write(p []byte) (written int, err error) {
	for line := range bytes.Lines(p) {
		if l.left <= 0 {
			return written, l.end(line)
		}
		n, err := l.ResponseWriter.Write(line)
		written += n
		if err != nil {
			return written, err
		}
		if bytes.HasSuffix(line, []byte("\n")) {
			l.left--
		}
	}
	return written, nil
}
