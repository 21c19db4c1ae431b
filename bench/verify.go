//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// A checker looks at every line of one answer: off the measured path, once a
// scenario and proxy.
type checker struct {
	// AnyOrder accepts lines that do not ascend: the floor's.
	AnyOrder bool

	got     Content
	last    time.Time
	partial []byte
	problem error // the first
}

// write takes a block of the answer.
func (c *checker) write(block []byte) {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 0 {
			c.partial = append(c.partial, block...)
			return
		}
		line := block[:end+1]
		if len(c.partial) > 0 {
			c.partial = append(c.partial, line...)
			line = c.partial
		}
		c.line(line)
		c.partial, block = c.partial[:0], block[end+1:]
	}
}

func (c *checker) line(line []byte) {
	c.got.add(line)
	if c.problem != nil {
		return
	}
	at, err := lineTime(line)
	switch {
	case err != nil:
		c.problem = fmt.Errorf("line %d: %w: %.120s", c.got.Lines, err, line)
	case !c.AnyOrder && at.Before(c.last):
		c.problem = fmt.Errorf("line %d: %s after %s: not ascending", c.got.Lines,
			at.Format(time.RFC3339Nano), c.last.Format(time.RFC3339Nano))
	}
	c.last = at
}

// end says what is wrong with the answer, if anything is.
func (c *checker) end(want Content) error {
	switch {
	case len(c.partial) > 0:
		return fmt.Errorf("the last line is cut: %.120s", c.partial)
	case c.problem != nil:
		return c.problem
	case c.got.Lines != want.Lines:
		return fmt.Errorf("%d lines, want %d", c.got.Lines, want.Lines)
	case c.got != want:
		return fmt.Errorf("the right number of lines, but not the right ones: %+v, want %+v", c.got, want)
	}
	return nil
}

// verify asks once and checks every line.
func verify(ctx context.Context, client *http.Client, url string, want Content, anyOrder bool) error {
	c := checker{AnyOrder: anyOrder}
	if err := read(ctx, client, url, make([]byte, 4*block), c.write); err != nil {
		return err
	}
	if err := c.end(want); err != nil {
		return mismatch{err}
	}
	return nil
}

// A mismatch is an answer that is wrong, whatever it cost.
type mismatch struct{ error }

func (m mismatch) Error() string { return "WRONG ANSWER: " + m.error.Error() }

// lineTime reads the timestamp of a line of this benchmark, whose text never
// holds the field's name.
func lineTime(line []byte) (time.Time, error) {
	const field = `"timestamp":"`
	_, rest, found := bytes.Cut(line, []byte(field))
	value, _, closed := bytes.Cut(rest, []byte{'"'})
	if !found || !closed {
		return time.Time{}, fmt.Errorf("no timestamp")
	}
	return time.Parse(time.RFC3339Nano, string(value))
}
