package server

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A patientConn gives up on a client that takes no byte for the timeout. One
// that takes few is slow, and not gone: a deadline for a whole write would end
// it too.
type patientConn struct {
	net.Conn
	era     int          // of the site it was accepted for
	timeout atomic.Int64 // a time.Duration: that of the site which serves it
}

func newPatientConn(conn net.Conn, era int, timeout time.Duration) *patientConn {
	c := &patientConn{Conn: conn, era: era}
	c.timeout.Store(int64(timeout))
	return c
}

// patient finds the patientConn in a connection that was accepted.
func patient(conn net.Conn) *patientConn {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	return conn.(*patientConn)
}

func (c *patientConn) Write(p []byte) (written int, err error) {
	for {
		deadline := time.Now().Add(time.Duration(c.timeout.Load()))
		if err := c.Conn.SetWriteDeadline(deadline); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// CloseWrite ends what is sent, where that can be done for one direction: what
// an upgraded connection carries, and an answer that comes before its request
// was read, then reach the client whole.
func (c *patientConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}
