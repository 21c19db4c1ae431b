//go:build linux

package main

import (
	"io"
	"net"
	"time"
)

// Live is what an upstream sends a follower. The lines carry the time at which
// they are sent: a follow filters by it.
type Live struct {
	// Kind is "tick" (the first upstream sends a line every Interval, the
	// others none), "flood" (Lines at once, then silence) or "burst"
	// (silence, Lines when told, silence).
	Kind     string        `json:"kind"`
	Interval time.Duration `json:"interval"`
	Lines    int           `json:"lines"` // of each upstream
}

func (p *providers) follow(conn net.Conn, in io.Reader, u int) error {
	p.following.Add(1)
	defer p.following.Add(-1)
	if _, err := io.WriteString(conn, answerHead); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() { // ends with the connection, which converse closes
		defer close(gone)
		io.Copy(io.Discard, in)
	}()
	live := liveStream{dataset: p.dataset, u: u}
	switch p.spec.Live.Kind {
	case "tick":
		if u == 0 {
			return live.tick(conn, gone, p.spec.Live.Interval)
		}
	case "burst":
		select {
		case <-p.burst:
		case <-gone:
			return io.EOF
		}
		fallthrough
	case "flood":
		if err := live.send(conn, p.spec.Live.Lines); err != nil {
			return err
		}
	}
	<-gone
	return io.EOF
}

// A liveStream renders one follow's lines, each an HTTP chunk of its own, as
// every provider sends them.
type liveStream struct {
	dataset *Dataset
	u       int
	sent    int
	last    time.Time
	line    []byte
	out     []byte
}

func (s *liveStream) tick(w io.Writer, gone <-chan struct{}, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-gone:
			return io.EOF
		case <-ticker.C:
			if err := s.send(w, 1); err != nil {
				return err
			}
		}
	}
}

// send writes n lines, in blocks, with ascending timestamps of now.
func (s *liveStream) send(w io.Writer, n int) error {
	for n > 0 {
		s.out = s.out[:0]
		now := time.Now().UTC()
		for ; n > 0 && len(s.out) < block; n-- {
			s.append(now)
		}
		if _, err := w.Write(s.out); err != nil {
			return err
		}
	}
	return nil
}

func (s *liveStream) append(now time.Time) {
	if !now.After(s.last) {
		now = s.last.Add(1)
	}
	s.line = s.dataset.appendLine(s.line[:0], s.u, s.sent, now)
	s.out = appendChunk(s.out, s.line)
	s.last = now
	s.sent++
}
