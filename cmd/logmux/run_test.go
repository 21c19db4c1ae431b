package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// asLogmux makes the test's program logmux itself, for tests that need a process.
const asLogmux = "LOGMUX_TEST_AS_LOGMUX"

func TestMain(m *testing.M) {
	if os.Getenv(asLogmux) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// write makes a config file and returns its path.
func write(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logmux.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// taken is an address that something listens on until the test ends.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

const good = "upstreams:\n  - {name: eu, url: http://127.0.0.1:1}\n"

// bad has two problems, on lines 2 and 5.
const bad = "server:\n  listen: 9195\nupstreams:\n  - name: eu\n    url: ftp://eu\n"

func TestRun(t *testing.T) {
	const usageHint = "usage:\n  logmux serve --config FILE"
	var (
		goodFile = write(t, good)
		badFile  = write(t, bad)
		inUse    = taken(t)
		noPort   = write(t, "server: {listen: '"+inUse+"'}\n"+good)
	)
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stdout string   // all of it
		stderr []string // parts of it; with none it is empty
	}{
		{"no command", nil, 2, "", []string{"logmux: no command given\n", usageHint}},
		{"unknown command", []string{"serv"}, 2, "", []string{`logmux: unknown command "serv"`, usageHint}},
		{"help", []string{"help"}, 0, usage, nil},
		{"-h", []string{"-h"}, 0, usage, nil},
		{"--help", []string{"--help"}, 0, usage, nil},

		{"version of", []string{"version", "logmux"}, 2, "", []string{`version: unexpected argument "logmux"`, usageHint}},
		{"version, unknown flag", []string{"version", "--short"}, 2, "", []string{"version: flag provided but not defined: -short"}},

		{"check", []string{"check", goodFile}, 0, "ok\n", nil},
		{"check nothing", []string{"check"}, 2, "", []string{"check: FILE is missing", usageHint}},
		{"check two", []string{"check", goodFile, goodFile}, 2, "", []string{"check: unexpected argument", usageHint}},
		{"check, unknown flag", []string{"check", "--all", goodFile}, 2, "", []string{"check: flag provided but not defined: -all"}},
		{"check, no such file", []string{"check", goodFile + "x"}, 1, "", []string{goodFile + "x: cannot be read: no such file or directory\n"}},
		{"check, all problems", []string{"check", badFile}, 1, "", []string{
			badFile + ":2: server.listen: ", badFile + ":5: upstreams[0].url: must start with http:// or https://\n",
		}},

		{"serve nothing", []string{"serve"}, 2, "", []string{"serve: --config FILE is missing", usageHint}},
		{"serve, empty file name", []string{"serve", "--config", ""}, 2, "", []string{"serve: --config FILE is missing"}},
		{"serve, no value", []string{"serve", "--config"}, 2, "", []string{"serve: flag needs an argument: -config"}},
		{"serve a file", []string{"serve", goodFile}, 2, "", []string{`serve: unexpected argument`, usageHint}},
		{"serve, unknown flag", []string{"serve", "--port", "1"}, 2, "", []string{"serve: flag provided but not defined: -port"}},
		{"serve, no such file", []string{"serve", "--config", goodFile + "x"}, 1, "", []string{goodFile + "x: cannot be read"}},
		{"serve, bad config", []string{"serve", "--config", badFile}, 1, "", []string{badFile + ":2: server.listen", badFile + ":5: upstreams[0].url"}},
		{"serve, port in use", []string{"serve", "--config", noPort}, 1, "", []string{"logmux: server.listen: listen tcp " + inUse + ": bind: address already in use\n"}},

		{"demo of", []string{"demo", "figlet"}, 2, "", []string{`demo: unexpected argument "figlet"`, usageHint}},
		{"demo, unknown flag", []string{"demo", "--twice"}, 2, "", []string{"demo: flag provided but not defined: -twice"}},
		{"demo, port in use", []string{"demo", "--once", "--listen", inUse}, 1, "", []string{
			"logmux: listen tcp " + inUse + ": bind: address already in use; choose another with --listen\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if got := stdout.String(); got != tt.stdout {
				t.Errorf("stdout: got %q, want %q", got, tt.stdout)
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr: no %q in %q", want, &stderr)
				}
			}
			if len(tt.stderr) == 0 && stderr.Len() > 0 {
				t.Errorf("stderr: got %q, want nothing", &stderr)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"version"}, &stdout, io.Discard); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got, want := stdout.String(), "logmux "+currentVersion()+" go"; !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, want one line from %q", got, want)
	}
}

// The port is taken: had serve tried to listen, that would be the problem.
func TestABadConfigStartsNothing(t *testing.T) {
	file := write(t, "server: {listen: '"+taken(t)+"'}\nupstreams: []\n")
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"serve", "--config", file}, io.Discard, &stderr); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if got, want := stderr.String(), "logmux: "+file+":2: upstreams: there must be at least one upstream\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckReadsTheExample(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"check", "../../config.example.yaml"}, &stdout, &stderr); code != 0 || stdout.String() != "ok\n" {
		t.Errorf("exit code %d, %q, %q", code, &stdout, &stderr)
	}
}

func TestDemoOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"demo", "--once", "--listen", "127.0.0.1:0"}, &stdout, &stderr); code != 0 || ctx.Err() != nil {
		t.Errorf("exit code %d, %v, %q", code, ctx.Err(), &stderr)
	}
	if !strings.Contains(stdout.String(), "GET /system/logs?name=figlet\n") {
		t.Errorf("printed %q", &stdout)
	}
}
