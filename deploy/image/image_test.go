package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const maxSize = 20 << 20 // bytes, of all files

func TestImage(t *testing.T) {
	b := newBuilder(t)
	image := b.build()

	config := b.config(image)
	if got, want := config.User, "65532:65532"; got != want {
		t.Errorf("user: got %s, want %s", got, want)
	}
	if _, exposed := config.ExposedPorts["9195/tcp"]; !exposed {
		t.Errorf("exposed are %v, want 9195/tcp", config.ExposedPorts)
	}
	filesystem := b.filesystem(image)
	size := sizeOf(t, filesystem)
	t.Logf("the image has %.1f MB", float64(size)/1e6)
	if size > maxSize {
		t.Errorf("the image has %d bytes, want %d at most", size, maxSize)
	}

	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"name":"figlet","namespace":"","instance":"a","timestamp":"2026-01-02T03:04:05Z","text":"hello"}`)
	}))
	defer provider.Close()
	address := freeAddress(t)
	mount(t, filesystem, fmt.Sprintf("server: {listen: %q}\nupstreams: [{name: a, url: %q}]\n", address, provider.URL))
	c := start(t, filesystem, slices.Concat(config.Entrypoint, config.Cmd))
	c.awaitReady("http://" + address + "/readyz")
	if got := get(t, "http://"+address+"/system/logs?name=figlet"); !strings.Contains(got, "hello") {
		t.Errorf("the answer is %q", got)
	}
	if version := get(t, "http://"+address+"/metrics"); !strings.Contains(version, `version="v0.0.0-test"`) {
		t.Error("the version that it was built with is not its own")
	}
	c.stop()
}

// An imageConfig is what an image says of how to run it.
type imageConfig struct {
	User            string
	Entrypoint, Cmd []string
	ExposedPorts    map[string]struct{}
}

func (b *builder) config(image string) imageConfig {
	b.t.Helper()
	var inspected struct {
		OCIv1 struct {
			Config imageConfig `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(b.buildah("inspect", "--type", "image", image)), &inspected); err != nil {
		b.t.Fatal(err)
	}
	return inspected.OCIv1.Config
}

func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// mount puts the config where a cluster mounts it.
func mount(t *testing.T, filesystem, config string) {
	t.Helper()
	dir := filepath.Join(filesystem, "etc/logmux")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A container is the image's process. It has a mount namespace of its own, in
// which its root is read-only, the image's user, and no way to gain privileges.
type container struct {
	t      *testing.T
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it has
	stderr bytes.Buffer  // read once it has ended
}

const confine = `set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
rootfs=$1; shift
exec setpriv --no-new-privs chroot --userspec=65532:65532 "$rootfs" "$@"`

func start(t *testing.T, filesystem string, command []string) *container {
	t.Helper()
	args := append([]string{"--mount", "sh", "-c", confine, "sh", filesystem}, command...)
	c := &container{t: t, cmd: exec.Command("unshare", args...), ended: make(chan struct{})}
	c.cmd.Stderr = &c.stderr
	c.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait() // its exit code is looked at by stop
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // unless it has ended
		<-c.ended
		if t.Failed() {
			t.Logf("stderr:\n%s", &c.stderr)
		}
	})
	return c
}

func (c *container) awaitReady(url string) {
	c.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(10 * time.Second)
	for {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-c.ended:
			c.t.Fatal("it has ended")
		case <-timeout:
			c.t.Fatal("it is not ready")
		}
	}
}

func (c *container) stop() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		c.t.Fatal("it does not stop")
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		c.t.Errorf("exit code %d, want 0", code)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
