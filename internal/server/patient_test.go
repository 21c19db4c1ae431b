package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A reader that takes a byte now and then is served to the end, however long
// one write lasts; one that takes none is given up.
func TestPatientConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn := newPatientConn(ours, 0, time.Minute)
		text := bytes.Repeat([]byte("x"), 10)
		written := make(chan error, 1)
		go func() {
			_, err := conn.Write(text)
			written <- err
		}()
		for range text {
			time.Sleep(50 * time.Second)
			if _, err := io.ReadFull(theirs, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-written; err != nil {
			t.Errorf("a slow reader is given up: %v", err)
		}
		start := time.Now()
		n, err := conn.Write(text)
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("a reader that takes nothing: %d bytes, %v after %v", n, err, time.Since(start))
		}
	})
}
