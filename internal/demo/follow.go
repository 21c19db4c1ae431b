package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	liveLines  = 24
	livePace   = 150 * time.Millisecond
	outageFrom = 7  // the first line that is logged while a provider is stopped
	outageTo   = 15 // the first one after

	backlog  = 3                // lines of history that the follow begins with
	deadline = 15 * time.Second // for all of it; on an idle machine it takes 6 s
	linger   = time.Second      // after the last line, for one that comes twice
)

// follow follows the function through logmux while its instances go on to log
// and one provider is away for a while. It is an error when a line logged
// meanwhile does not arrive, or arrives twice.
func (s *show) follow(ctx context.Context) error {
	ctx, leave := context.WithTimeout(ctx, deadline)
	defer leave()
	query := fmt.Sprintf("name=%s&follow=true&tail=%d", function, backlog)
	s.print.request(query)

	var logged []entry
	for i := range liveLines {
		logged = append(logged, live(s.providers, "live", i))
	}
	group, ctx := errgroup.WithContext(ctx)
	arrived := newTally(logged)
	printed := 0
	var end error
	for m, err := range s.client.lines(ctx, query) {
		if err != nil {
			end = err
			break
		}
		s.print.line(m)
		// Before the backlog is there, a line could be the oldest of too many
		// and cut by tail, rightly.
		if printed++; printed == backlog {
			group.Go(func() error { return s.log(ctx, logged) })
		}
		if arrived.add(strings.TrimSuffix(m.Text, "\n")) {
			defer time.AfterFunc(linger, leave).Stop()
		}
	}
	leave()
	if err := group.Wait(); err != nil {
		return err
	}
	if err := arrived.check(end); err != nil {
		return err
	}
	s.print.say("all %d lines appended meanwhile arrived, each once", liveLines)
	return nil
}

// log logs the lines one by one, and stops the first provider for some of them.
// Its pods log on: the lines are there when it is back.
func (s *show) log(ctx context.Context, lines []entry) error {
	away := s.providers[0]
	pace := time.NewTicker(livePace)
	defer pace.Stop()
	for i, e := range lines {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil
		}
		switch i {
		case outageFrom:
			away.stop()
			s.print.say("--- %s is stopped ---", away.name)
		case outageTo:
			if err := away.start(); err != nil {
				return err
			}
			s.print.say("--- %s is back; what its pods logged meanwhile comes late ---", away.name)
		}
		s.providers.log(e, time.Now())
	}
	return nil
}

// A tally counts how often each of some texts has come.
type tally struct {
	came map[string]int
	left int // that have not come
}

func newTally(lines []entry) *tally {
	t := &tally{came: make(map[string]int), left: len(lines)}
	for _, e := range lines {
		t.came[e.text] = 0
	}
	return t
}

// add counts a text, and reports whether it was the last that was awaited.
func (t *tally) add(text string) (complete bool) {
	n, known := t.came[text]
	if !known {
		return false
	}
	t.came[text] = n + 1
	if n == 0 {
		t.left--
	}
	return n == 0 && t.left == 0
}

// check is an error unless every text came once. The cause, if not nil, is why
// there may be fewer.
func (t *tally) check(cause error) error {
	again := 0
	for _, n := range t.came {
		again += max(n-1, 0)
	}
	switch {
	case t.left > 0 && cause != nil:
		return fmt.Errorf("the follow brought only %d of %d lines: %w", len(t.came)-t.left, len(t.came), cause)
	case t.left > 0:
		return fmt.Errorf("the follow ended after %d of %d lines", len(t.came)-t.left, len(t.came))
	case again > 0:
		return fmt.Errorf("the follow brought %d lines again", again)
	}
	return nil
}
