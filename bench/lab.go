//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A lab holds what all scenarios share: the options and a built logmux.
type lab struct {
	Options
	dir string // temporary
	log io.Writer
}

func newLab(ctx context.Context, o Options, log io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp("", "logmux-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{Options: o, dir: dir, log: log}
	if o.Proxy == "logmux" && o.Bin == "" {
		fmt.Fprintln(log, "building logmux")
		if l.Bin, err = buildLogmux(ctx, dir); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

// run runs the scenarios one after another. One's failure does not stop the
// others, but is returned in the end.
func (l *lab) run(ctx context.Context, chosen []Scenario) (Report, error) {
	report := newReport(l.Options)
	for _, scenario := range chosen {
		if ctx.Err() != nil {
			break
		}
		s := &session{lab: l, name: scenario.Name}
		rows, err := scenario.Run(ctx, s)
		s.close()
		for _, row := range rows {
			row.Scenario = scenario.Name
			report.Rows = append(report.Rows, row)
		}
		if err != nil {
			failure := fmt.Sprintf("%s: %v", scenario.Name, err)
			report.Failures = append(report.Failures, failure)
			fmt.Fprintln(l.log, "*** FAILED:", failure)
		}
	}
	if n := len(report.Failures); n > 0 {
		return report, fmt.Errorf("%d of %d scenarios failed", n, len(chosen))
	}
	return report, ctx.Err()
}

// A session is one scenario's run: it starts processes and ends them all.
type session struct {
	*lab
	name      string
	processes []*process
}

func (s *session) close() {
	for _, p := range s.processes {
		p.stop()
	}
	s.processes = nil
}

func (s *session) progress(what string) { fmt.Fprintf(s.log, "%s: %s\n", s.name, what) }

// scaled is n at the scale that was asked for, but at least least.
func (s *session) scaled(n, least int) int { return max(least, int(float64(n)*s.Scale)) }

func (s *session) providers(ctx context.Context, spec Providers) (Provided, error) {
	s.progress(fmt.Sprintf("%d upstreams, %d lines", spec.Upstreams, spec.Lines))
	var ready Provided
	p, err := startChild(ctx, "providers", spec, &ready)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return ready, err
}

const query = "/system/logs?name=orders&namespace=openfaas-fn"

// floor and naive start one of the proxies that logmux is measured against.
func (s *session) floor(ctx context.Context, urls []string) (subject, error) {
	return s.standard(ctx, "floor", urls)
}

func (s *session) naive(ctx context.Context, urls []string) (subject, error) {
	return s.standard(ctx, "naive", urls)
}

func (s *session) standard(ctx context.Context, name string, urls []string) (subject, error) {
	var ready Listening
	p, err := startChild(ctx, name, Upstreams{urls}, &ready)
	if err != nil {
		return subject{}, err
	}
	s.processes = append(s.processes, p)
	return subject{name: name, proc: p, url: ready.URL + query, want: -1}, nil
}

// logmux starts logmux, or what stands in its place.
func (s *session) logmux(ctx context.Context, c Config, urls []string) (subject, error) {
	if s.standsIn() {
		return s.standard(ctx, s.Proxy, urls)
	}
	p, url, err := startLogmux(ctx, s.Bin, s.dir, c, urls, 10*time.Millisecond)
	if err != nil {
		return subject{}, err
	}
	s.processes = append(s.processes, p)
	return subject{name: "logmux", proc: p, url: url + query, want: -1}, nil
}

// standsIn says that another proxy is in logmux's place: it does not sort and
// knows no tail.
func (s *session) standsIn() bool { return s.Proxy != "logmux" }

var errNeedsLogmux = errors.New("only logmux itself can be measured here")
