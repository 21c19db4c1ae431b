//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// leastMeasured is how long requests are repeated for one sample, so that
// neither clock's resolution nor a single hiccup shows in it.
const leastMeasured = 300 * time.Millisecond

// A Sample is what one request cost; repeated requests are averaged.
type Sample struct {
	Wall time.Duration
	Cost
	Behind []Cost // of the subject's processes behind it
	Lines  int64
	Bytes  int64
}

// A Cost is one process's part of a sample.
type Cost struct {
	CPU  time.Duration // user and system
	Peak int64         // bytes: the most it held resident since the sample began
}

func (s Sample) wall() float64 { return s.Wall.Seconds() }
func (s Sample) cpu() float64  { return s.CPU.Seconds() }
func (s Sample) peak() float64 { return float64(s.Peak) }

// A subject is one proxy, in one set-up, and what it is asked.
type subject struct {
	name    string
	proc    *process
	behind  []*process // that it asks, and whose work counts as well
	url     string
	want    int64  // lines of an answer; below 0: any number
	failing string // the one upstream that fails in every answer; mostly none
}

func (s subject) processes() []*process { return append([]*process{s.proc}, s.behind...) }

// measure repeats the request for leastMeasured, and checks each time how many
// lines came.
func (s subject) measure(ctx context.Context, client *http.Client, buffer []byte) (Sample, error) {
	fail := func(err error) (Sample, error) {
		return Sample{}, fmt.Errorf("%s: %w", s.name, s.proc.explain(err))
	}
	for _, p := range s.processes() {
		if err := resetPeak(p.pid()); err != nil {
			return fail(err)
		}
	}
	before, err := s.costs()
	if err != nil {
		return fail(err)
	}
	var sample Sample
	requests := 0
	for began := time.Now(); sample.Wall < leastMeasured; sample.Wall = time.Since(began) {
		lines, size, err := s.count(ctx, client, buffer)
		if err != nil {
			return fail(err)
		}
		sample.Lines, sample.Bytes = lines, size
		requests++
	}
	time.Sleep(5 * time.Millisecond) // what follows an answer belongs to it
	after, err := s.costs()
	if err != nil {
		return fail(err)
	}
	sample.Wall /= time.Duration(requests)
	for i := range after {
		after[i].CPU = (after[i].CPU - before[i].CPU) / time.Duration(requests)
	}
	sample.Cost, sample.Behind = after[0], after[1:]
	return sample, nil
}

// count asks once and checks how many lines come.
func (s subject) count(ctx context.Context, client *http.Client, buffer []byte) (lines, size int64, err error) {
	lines, size, err = count(ctx, client, s.url, buffer)
	if failed, ok := errors.AsType[upstreamsFailed](err); ok && s.failing != "" && failed.only() == s.failing {
		err = nil
	}
	if err == nil && s.want >= 0 && lines != s.want {
		err = mismatch{fmt.Errorf("%d lines, want %d", lines, s.want)}
	}
	return lines, size, err
}

// costs are those of its processes since each began, or its peak was reset.
func (s subject) costs() ([]Cost, error) {
	var costs []Cost
	for _, p := range s.processes() {
		cpu, err := cpuTime(p.pid())
		if err != nil {
			return nil, err
		}
		peak, err := status(p.pid(), "VmHWM")
		if err != nil {
			return nil, err
		}
		costs = append(costs, Cost{CPU: cpu, Peak: peak})
	}
	return costs, nil
}

// interleave measures the subjects in turn, rounds times over. The result has
// each subject's samples in the order of the rounds.
func interleave(ctx context.Context, rounds int, progress func(string), subjects ...subject) ([][]Sample, error) {
	client := newClient(4 * block)
	defer client.CloseIdleConnections()
	buffer := make([]byte, 4*block)
	samples := make([][]Sample, len(subjects))
	for round := range rounds {
		progress(fmt.Sprintf("round %d of %d", round+1, rounds))
		for _, i := range turns(round, len(subjects)) {
			sample, err := subjects[i].measure(ctx, client, buffer)
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], sample)
		}
	}
	return samples, nil
}

// turns is the order of n subjects in a round. Whoever is first in one is last
// in the next, so that the place favours none.
func turns(round, n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

// cpuTime is what a process has used, its ended threads included, in
// nanoseconds: the clock of clock_getcpuclockid(3). The ticks of
// /proc/PID/stat are too coarse.
func cpuTime(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of <linux/posix-timers.h>
	clock := int32(^pid)<<3 | schedClock
	var at syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&at)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("read the CPU clock: %w", errno)
	}
	return time.Duration(at.Nano()), nil
}

// resetPeak makes a process's VmHWM start anew at what it holds now.
func resetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("reset the peak: %w", err)
	}
	return nil
}

// status reads a memory field of /proc/PID/status, in bytes.
func status(pid int, field string) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(content) {
		value, ok := strings.CutPrefix(string(line), field+":")
		if !ok {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kilobytes << 10, err
	}
	return 0, fmt.Errorf("no %s of process %d", field, pid)
}
