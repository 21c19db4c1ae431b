package server

import (
	"errors"
	"net"
	"os"
	"time"
)

// A patientListener's connections give up on a client that takes no byte for
// the timeout. One that takes few is slow, and not gone: a deadline for a whole
// write would end it too.
type patientListener struct {
	net.Listener
	timeout time.Duration
}

func (l patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{conn, l.timeout}, nil
}

type patientConn struct {
	net.Conn
	timeout time.Duration
}

func (c *patientConn) Write(p []byte) (written int, err error) {
	for {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}
