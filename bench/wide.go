//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
)

// wideStreams are the upstreams' streams that followers hold open together.
const wideStreams = 4000

// followersWide opens fewer follows of more silent upstreams each.
func followersWide(ctx context.Context, s *session) ([]Row, error) {
	var rows []Row
	for _, k := range []int{1, 16, 64, 256} {
		n := min(s.scaled(wideStreams/k, 4), followersFull)
		memory, files, err := s.followersOf(ctx, k, n)
		s.close()
		if err != nil {
			return rows, err
		}
		rows = append(rows,
			newRow(fmt.Sprintf("k=%d: RSS per follower", k), memory/1e3, noGoal(" KB"), "%.1f KB per upstream, of %d followers", memory/1e3/float64(k), n),
			newRow(fmt.Sprintf("k=%d: descriptors per follower", k), files, noGoal(""), "its own connection, and one to each upstream"))
	}
	return rows, nil
}

// followersOf returns what each of n idle followers of k upstreams takes: bytes
// and file descriptors.
func (s *session) followersOf(ctx context.Context, k, n int) (memory, files float64, err error) {
	provided, err := s.providers(ctx, Providers{Upstreams: k, Live: Live{Kind: "burst"}})
	if err != nil {
		return 0, 0, err
	}
	logmux, err := s.logmux(ctx, Config{}, provided.URLs)
	if err != nil {
		return 0, 0, err
	}
	pid := logmux.proc.pid()
	emptyMemory, err := status(pid, "VmRSS")
	if err != nil {
		return 0, 0, err
	}
	emptyFiles, err := descriptors(pid)
	if err != nil {
		return 0, 0, err
	}
	followers := &crowd{}
	defer followers.leave()
	s.progress(fmt.Sprintf("%d followers", n))
	if err := followers.join(ctx, logmux.url+followQuery, n, provided.URLs); err != nil {
		return 0, 0, logmux.proc.explain(err)
	}
	idle, _, err := s.idle(ctx, pid)
	if err != nil {
		return 0, 0, err
	}
	open, err := descriptors(pid)
	return float64(idle-emptyMemory) / float64(n), float64(open-emptyFiles) / float64(n), err
}

// descriptors is how many a process has open.
func descriptors(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}
