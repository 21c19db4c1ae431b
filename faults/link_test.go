//go:build linux

package faults_test

import (
	"net"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A link is one connection over a wire: two ways between two sockets.
//
//	from ──reader──> input ──toxic──> output ──writer──> to
//
// The end of one way closes the socket it leads to, and so ends the other way.
type link struct {
	sockets [2]*net.TCPConn // the client's, the provider's
	ways    [stream.NumDirections]*way
	running sync.WaitGroup
}

const (
	pieceSize = 2 << 10 // of what is read at once, in bytes
	inFlight  = 64      // pieces that a wire holds, each with its own delay
)

func newLink(client, provider *net.TCPConn, through [stream.NumDirections]toxics.Toxic) *link {
	l := &link{sockets: [...]*net.TCPConn{client, provider}}
	for d, ends := range map[stream.Direction][2]*net.TCPConn{
		stream.Upstream:   {client, provider},
		stream.Downstream: {provider, client},
	} {
		y := newWay(&l.running)
		l.ways[d] = y
		l.linger(through[d])
		y.run(through[d])
		l.running.Go(func() { y.read(ends[0]) })
		l.running.Go(func() { y.write(ends[0], ends[1]) })
	}
	return l
}

func (l *link) set(d stream.Direction, toxic toxics.Toxic) {
	l.linger(toxic)
	l.ways[d].set(toxic)
}

// linger makes a socket's end a reset where the toxic is one, and never takes that back:
// it is then about to end.
func (l *link) linger(toxic toxics.Toxic) {
	if !isReset(toxic) {
		return
	}
	for _, socket := range l.sockets {
		_ = socket.SetLinger(0) // of one that is closed it does not matter
	}
}

func (l *link) close() {
	for _, socket := range l.sockets {
		socket.Close()
	}
}

// A way is one direction of a link.
type way struct {
	running *sync.WaitGroup
	input   chan *stream.StreamChunk
	output  chan *stream.StreamChunk
	ended   chan struct{} // closed by the writer
	stub    *toxics.ToxicStub
	toxic   toxics.Toxic
}

func newWay(running *sync.WaitGroup) *way {
	y := &way{
		running: running,
		input:   make(chan *stream.StreamChunk, inFlight),
		output:  make(chan *stream.StreamChunk),
		ended:   make(chan struct{}),
	}
	y.stub = toxics.NewToxicStub(y.input, y.output)
	return y
}

func (y *way) run(toxic toxics.Toxic) {
	y.toxic = toxic
	y.stub.State = nil
	if s, ok := toxic.(toxics.StatefulToxic); ok {
		y.stub.State = s.NewState()
	}
	y.running.Go(func() { y.stub.Run(&toxics.ToxicWrapper{Toxic: toxic, Toxicity: 1}) })
}

func (y *way) set(toxic toxics.Toxic) {
	if !y.stub.InterruptToxic() {
		return // the way has ended
	}
	if c, ok := y.toxic.(toxics.CleanupToxic); ok {
		if c.Cleanup(y.stub); y.stub.Closed() {
			return
		}
	}
	y.run(toxic)
}

// read reads until the socket or the way ends.
func (y *way) read(from net.Conn) {
	defer close(y.input)
	for {
		piece := make([]byte, pieceSize)
		n, err := from.Read(piece)
		if n > 0 {
			select {
			case y.input <- &stream.StreamChunk{Data: piece[:n], Timestamp: time.Now()}:
			case <-y.ended:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write writes until the toxic ends the way. It takes what cannot be written
// any more, too, or the toxic would never hear of the end.
func (y *way) write(from, to net.Conn) {
	defer close(y.ended)
	defer to.Close()
	var err error
	for piece := range y.output {
		if err != nil {
			continue
		}
		if _, err = to.Write(piece.Data); err != nil {
			from.Close()
		}
	}
}
