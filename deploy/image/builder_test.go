package image

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.." // of the repository

// A builder is buildah with a storage of its own.
type builder struct {
	t   *testing.T
	dir string
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	for _, tool := range []string{"buildah", "unshare", "setpriv", "chroot", "/bin/busybox"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no image is built: %v (buildah, busybox-static and util-linux are needed)", err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("no image is built: that takes root here")
	}
	b := &builder{t, t.TempDir()}
	t.Cleanup(func() { b.buildah("rm", "--all") })
	return b
}

// buildah runs it and returns what it prints.
func (b *builder) buildah(args ...string) string {
	b.t.Helper()
	storage := []string{"--root", filepath.Join(b.dir, "storage"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs"}
	cmd := exec.Command("buildah", append(storage, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("buildah %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// base makes an image of files, by the name that the Dockerfile gives it.
func (b *builder) base(name string, files map[string]string, settings ...string) {
	b.t.Helper()
	tree := b.t.TempDir()
	for path, from := range files {
		b.copy(filepath.Join(tree, path), from)
	}
	if err := os.Mkdir(filepath.Join(tree, "tmp"), 0o777); err != nil {
		b.t.Fatal(err)
	}
	container := b.buildah("from", "scratch")
	b.buildah("copy", container, tree, "/")
	b.buildah(append(append([]string{"config"}, settings...), container)...)
	b.buildah("commit", "--rm", container, name)
}

func (b *builder) copy(to, from string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		b.t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		b.t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		b.t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// build builds the Dockerfile's image on base images made here. Go itself and
// its caches are the machine's.
func (b *builder) build() (name string) {
	b.t.Helper()
	env := func(variable string) string {
		out, err := exec.Command("go", "env", variable).Output()
		if err != nil {
			b.t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	const authorities = "/etc/ssl/certs/ca-certificates.crt"
	build := map[string]string{"bin/sh": "/bin/busybox"}
	run := map[string]string{}
	if _, err := os.Stat(authorities); err == nil {
		build[authorities], run[authorities] = authorities, authorities
	}
	b.base("docker.io/library/golang:1.26", build,
		"--env", "PATH=/usr/local/go/bin:/bin", "--env", "HOME=/root", "--env", "GOPATH=/go",
		"--env", "GOPROXY="+env("GOPROXY"), "--env", "GOSUMDB="+env("GOSUMDB"))
	b.base("gcr.io/distroless/static-debian12:nonroot", run)

	b.buildah("build", "--pull-never", "--platform", "linux/"+env("GOARCH"), "--build-arg", "VERSION=v0.0.0-test",
		"--volume", env("GOROOT")+":/usr/local/go:ro",
		"--volume", env("GOMODCACHE")+":/go/pkg/mod", "--volume", env("GOCACHE")+":/root/.cache/go-build",
		"--tag", "localhost/logmux", root)
	return "localhost/logmux"
}

// filesystem puts a container's file system where it can be looked at.
func (b *builder) filesystem(image string) (path string) {
	b.t.Helper()
	return b.buildah("mount", b.buildah("from", "--pull-never", image))
}
