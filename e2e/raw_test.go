package e2e_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// raw is a provider that writes what it likes, HTTP or not: script gets each connection behind the request that came
// on it, and closes it by returning. At the test's end all are closed.
func raw(t *testing.T, script func(conn net.Conn, r *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, l, script)
	return "http://" + l.Addr().String()
}

// rawTLS is raw by HTTPS.
func rawTLS(t *testing.T, config *tls.Config, script func(conn net.Conn, r *http.Request)) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, l, script)
	return "https://" + l.Addr().String()
}

func serveRaw(t *testing.T, l net.Listener, script func(conn net.Conn, r *http.Request)) {
	var running sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	closed := false
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if closed {
				conn.Close()
			}
			open[conn] = true
			mu.Unlock()
			running.Go(func() {
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					delete(open, conn)
					conn.Close()
				}()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					script(conn, r)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		closed = true
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
}

// gone waits until the other side has left.
func gone(conn net.Conn) {
	for buffer := make([]byte, 512); ; {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

// endlessly writes until the other side has left, a hundred megabytes a second at most.
func endlessly(conn net.Conn, bytes string) {
	block := []byte(strings.Repeat(bytes, 1+(100<<10)/len(bytes)))
	for {
		if _, err := conn.Write(block); err != nil {
			return
		}
		time.Sleep(time.Millisecond) // it is enough to fill the memory of who keeps it
	}
}
