//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A process is one that the benchmark started. Its stop ends it and waits.
type process struct {
	name   string
	cmd    *exec.Cmd
	stderr tailBuffer
	ended  chan struct{} // closed once it has been waited for
	err    error         // how it ended; read after ended
}

// start starts a program; its standard output is read by the caller, or
// dropped where stdout is nil.
func start(name string, stdout io.Writer, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Stdout = stdout
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // Ctrl-C is ours to pass on
		Pdeathsig: syscall.SIGKILL,
	}
	if _, err := p.cmd.StdinPipe(); err != nil { // children of ours end when it closes
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // ends with the process, which stop kills
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) stop() {
	p.cmd.Process.Kill()
	<-p.ended
}

// explain adds to an error what the process said, and whether it still runs.
func (p *process) explain(err error) error {
	if err == nil {
		return nil
	}
	select {
	case <-p.ended:
		err = fmt.Errorf("%w (%s ended: %v)", err, p.name, p.err)
	default:
	}
	if said := p.stderr.String(); said != "" {
		err = fmt.Errorf("%w\n%s says:\n%s", err, p.name, said)
	}
	return err
}

// startChild starts this program as one of its children and waits until it
// says, in ready, that it serves.
func startChild(ctx context.Context, name string, description, ready any) (*process, error) {
	encoded, err := json.Marshal(description)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	p, err := start(name, in, self, "_"+name, string(encoded))
	if err != nil {
		return nil, err
	}
	said := make(chan error, 1)
	go func() { // ends with the process at the latest
		line, err := bufio.NewReader(out).ReadBytes('\n')
		said <- errors.Join(err, json.Unmarshal(line, ready))
		io.Copy(io.Discard, out)
	}()
	go func() { // after the process, nothing writes any more
		<-p.ended
		in.Close()
	}()
	select {
	case err = <-said:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w", name, p.explain(err))
	}
	return p, nil
}

// waitReady polls logmux's /readyz each interval until it answers 200.
func waitReady(ctx context.Context, p *process, url string, interval time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	client := newClient(0)
	defer client.CloseIdleConnections()
	for {
		response, err := ask(ctx, client, url+"/readyz")
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-p.ended:
			return p.explain(errors.New("it is gone before it is ready"))
		case <-ctx.Done():
			return p.explain(fmt.Errorf("not ready: %w", err))
		case <-time.After(interval):
		}
	}
}

// A tailBuffer keeps the last few kilobytes written to it.
type tailBuffer struct {
	mu   sync.Mutex
	kept []byte
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	const most = 4 << 10
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p...)
	if excess := len(b.kept) - most; excess > 0 {
		b.kept = append(b.kept[:0], b.kept[excess:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(string(b.kept))
}
