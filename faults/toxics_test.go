//go:build linux

package faults_test

import (
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A later toxic begins when so many bytes have passed on a connection, give or
// take a piece.
type later struct {
	bytes int
	toxic toxics.Toxic // one without a state
}

// progress is how far a later toxic has come on one connection.
type progress struct {
	passed int
	begun  bool
}

func (*later) NewState() any { return new(progress) }

func (l *later) Pipe(stub *toxics.ToxicStub) {
	state := stub.State.(*progress)
	for state.passed < l.bytes {
		select {
		case <-stub.Interrupt:
			return
		case piece := <-stub.Input:
			if piece == nil {
				stub.Close()
				return
			}
			stub.Output <- piece
			state.passed += len(piece.Data)
		}
	}
	state.begun = true
	l.toxic.Pipe(stub)
}

// Cleanup ends a connection of which the toxic has lost something.
func (l *later) Cleanup(stub *toxics.ToxicStub) {
	if c, ok := l.toxic.(toxics.CleanupToxic); ok && stub.State.(*progress).begun {
		c.Cleanup(stub)
	}
}

// A strike does something to the wire when it is reached, and lets everything pass.
type strike struct {
	toxics.NoopToxic
	do func()
}

func (s *strike) Pipe(stub *toxics.ToxicStub) {
	s.do()
	s.NoopToxic.Pipe(stub)
}

// isReset reports whether a toxic ends connections by a reset, as toxiproxy's
// proxy makes of that toxic.
func isReset(toxic toxics.Toxic) bool {
	if l, ok := toxic.(*later); ok {
		toxic = l.toxic
	}
	_, ok := toxic.(*toxics.ResetToxic)
	return ok
}

// answers and requests put a toxic on one direction of a wire.
func answers(toxic toxics.Toxic) func(*wire) {
	return func(w *wire) { w.set(stream.Downstream, toxic) }
}

func requests(toxic toxics.Toxic) func(*wire) {
	return func(w *wire) { w.set(stream.Upstream, toxic) }
}
