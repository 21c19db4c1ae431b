//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// startup starts logmux several times in front of upstreams that it does not
// ask.
func startup(ctx context.Context, s *session) ([]Row, error) {
	if s.standsIn() {
		return nil, errNeedsLogmux
	}
	provided, err := s.providers(ctx, Providers{Upstreams: 4, Lines: smallLines, Layout: Ordered})
	if err != nil {
		return nil, err
	}
	var starts, idle []float64
	for round := range max(s.Rounds, 5) {
		s.progress(fmt.Sprintf("start %d", round+1))
		took, rss, err := s.startOnce(ctx, provided.URLs)
		if err != nil {
			return nil, err
		}
		starts = append(starts, took.Seconds()*1e3)
		idle = append(idle, float64(rss)/1e6)
	}
	binary, err := os.Stat(s.Bin)
	if err != nil {
		return nil, err
	}
	return []Row{
		newRow("start to ready", median(starts), Goal{Must: 60, Aim: 15, Unit: " ms"}, "median of %d", len(starts)),
		newRow("idle RSS", median(idle), megabytes(20, 12), "1 s after it is ready"),
		newRow("binary", float64(binary.Size())/1e6, megabytes(20, 14), "%s", s.Bin),
	}, nil
}

func (s *session) startOnce(ctx context.Context, urls []string) (time.Duration, int64, error) {
	began := time.Now()
	p, _, err := startLogmux(ctx, s.Bin, s.dir, Config{}, urls, 200*time.Microsecond)
	took := time.Since(began)
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	time.Sleep(time.Second)
	rss, err := status(p.pid(), "VmRSS")
	return took, rss, err
}
