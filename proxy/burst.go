package proxy

import (
	"context"
	"net"

	"github.com/openfaas-logmux/logmux/merge"
)

// A burstConn reads much at a time while there is much to read. Follows have
// small buffers, for most are idle: without it a flood through one would cost a
// system call for every few lines. It holds a buffer only while one has
// something in it, or the last one was full.
type burstConn struct {
	net.Conn
	block *merge.Block
	rest  []byte // of the block, not yet read
	full  bool   // the last read left more to be read, as far as is known
}

const burstBuffer = 32 << 10

func (c *burstConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 && (!c.full || len(p) >= burstBuffer) {
		n, err := c.Conn.Read(p)
		c.full = n == len(p)
		return n, err
	}
	if len(c.rest) == 0 {
		c.block = merge.GetBlock(burstBuffer)
		n, err := c.Conn.Read(c.block.Bytes[:burstBuffer])
		c.rest = c.block.Bytes[:n]
		c.full = n == burstBuffer
		if err != nil && n == 0 {
			c.release()
			return 0, err
		}
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.release()
	}
	return n, nil
}

func (c *burstConn) release() {
	c.block.Free()
	c.block, c.rest = nil, nil
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// inBursts makes the connections of dial read in bursts.
func inBursts(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &burstConn{Conn: conn}, nil
	}
}
