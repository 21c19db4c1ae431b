//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Config is the part of logmux's configuration that scenarios set. Zero
// values take what suits a bounded benchmark.
type Config struct {
	ServerMemory string // server.memory_limit; 4GiB
	QueryMemory  string // query.memory_limit; logmux's own default
	Window       string // query.reorder_window; logmux's own default

	HeaderTimeout string // of all upstreams; logmux's own default

	Ordered  bool
	TailMode string // newest
	Kind     string // in place of the two above
}

// yaml is the configuration file for these upstreams.
func (c Config) yaml(listen string, urls []string) string {
	var b strings.Builder
	key := func(indent, name string, value any) {
		if s := fmt.Sprint(value); s != "" && s != "0" || name == "reorder_window" && s != "" {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, name, s)
		}
	}
	fmt.Fprintf(&b, "server:\n  listen: %q\n  max_requests: %d\n", listen, 2*followersFull)
	key("  ", "memory_limit", cmp.Or(c.ServerMemory, "4GiB"))
	b.WriteString("query:\n  timeout: 10m\n  follow_timeout: 1h\n")
	key("  ", "memory_limit", c.QueryMemory)
	key("  ", "reorder_window", c.Window)
	b.WriteString("upstreams:\n")
	for u, url := range urls {
		fmt.Fprintf(&b, "  - name: u%d\n    url: %s\n    idle_timeout: 1m\n", u, url)
		key("    ", "header_timeout", c.HeaderTimeout)
		if c.Kind != "" {
			key("    ", "kind", c.Kind)
			continue
		}
		fmt.Fprintf(&b, "    ordered: %t\n    tail_mode: %s\n", c.Ordered, cmp.Or(c.TailMode, "newest"))
	}
	return b.String()
}

// buildLogmux builds ./cmd/logmux of the module in the working directory.
func buildLogmux(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "logmux")
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module (or pass -bin): %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/logmux")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build logmux: %w\n%s", err, out)
	}
	return path, nil
}

// startLogmux starts `logmux serve` and waits until it is ready.
func startLogmux(ctx context.Context, bin, dir string, c Config, urls []string, poll time.Duration) (*process, string, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "logmux-"+strings.ReplaceAll(listen, ":", "-")+".yaml")
	if err := os.WriteFile(file, []byte(c.yaml(listen, urls)), 0o600); err != nil {
		return nil, "", err
	}
	p, err := start("logmux", nil, bin, "serve", "--config", file)
	if err != nil {
		return nil, "", err
	}
	url := "http://" + listen
	if err := waitReady(ctx, p, url, poll); err != nil {
		p.stop()
		return nil, "", fmt.Errorf("start logmux: %w", err)
	}
	return p, url, nil
}

// freeAddress is one that nothing listened on a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
