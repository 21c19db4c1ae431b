package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A pipe is a listener whose connections hold nothing: a write waits for its reader.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error { close(p); return nil }

func (pipe) Addr() net.Addr { return &net.TCPAddr{} }

// Over TLS, to close a connection is to say so to the client. One that listens
// to nothing any more must not hold up the end of the process.
func TestAShutdownDoesNotWaitForGoodbyes(t *testing.T) {
	ca := newAuthority(t)
	config := ca.secure(nil)
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Logger: slog.New(slog.DiscardHandler)}
		s.Swap(&Site{TLS: given(config), Logs: answer("logs"), ShutdownTimeout: time.Hour})
		ctx, stop := context.WithCancel(t.Context())
		l := make(pipe)
		ended := make(chan error)
		go func() { ended <- s.Run(ctx, l) }()

		ours, theirs := net.Pipe()
		defer ours.Close()
		l <- theirs
		client := tls.Client(ours, &tls.Config{InsecureSkipVerify: true})
		go fmt.Fprint(client, "GET /system/logs?name=f HTTP/1.1\r\nHost: logmux\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "logs" {
			t.Errorf("got %q, %v", got, err)
		}
		synctest.Wait()
		begin := time.Now()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > lastTimeout {
			t.Errorf("it took %v", took)
		}
	})
}
