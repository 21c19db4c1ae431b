package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A record is a log that a test reads while it is written.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// Kubernetes may bring a config before the secret that it names. It is taken once
// both are there, and the log is not filled until then.
func TestReloadUntilTaken(t *testing.T) {
	const listen = "127.0.0.1:0"
	token := filepath.Join(t.TempDir(), "token")
	file := write(t, fmt.Sprintf("server: {listen: %q}\nupstreams:\n  - {name: eu, url: 'http://127.0.0.1:1', auth: {token_file: %q}}\n", listen, token))
	ctx, stop := context.WithCancel(t.Context())
	log := &record{}
	d := newDaemon(ctx, file, slog.New(slog.NewTextHandler(log, nil)))
	d.listen, d.retry = listen, 5*time.Millisecond
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		d.reloadUntilTaken(ctx)
	}()
	tried := time.After(20 * d.retry)
	select {
	case <-taken:
		t.Error("it was taken without the secret")
	case <-tried:
	}
	if err := os.WriteFile(token+".new", []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(token+".new", token); err != nil {
		t.Fatal(err)
	}
	select {
	case <-taken:
	case <-time.After(10 * time.Second):
		t.Error("it was never taken")
	}
	if n := strings.Count(log.String(), "was not reloaded"); n != 1 {
		t.Errorf("the failure is told %d times, want once:\n%s", n, log)
	}
	if d.inUse.Load() == nil {
		t.Error("it is not in use")
	}
	stop()
	<-taken
	_ = d.lookups.Wait() // they return none
}
