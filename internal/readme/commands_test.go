// Package readme_test holds the README and the pages under docs to what logmux
// does: it runs their commands, loads their files, and follows their links.
package readme_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// inCI are the commands that .ci/run runs, word for word.
var inCI = map[string]string{
	"go test ./...": "would start this test again",
	"go run ./bench -rounds 1 -scale 0.02 ordered-k4 small": "takes longer than a test should",
}

// elsewhere are the programs whose commands cannot be run here.
var elsewhere = map[string]string{
	"docker":   "needs a container engine and the base images",
	"helm":     "needs a cluster with OpenFaaS",
	"kubectl":  "needs a cluster with OpenFaaS",
	"faas-cli": "needs a gateway",
	"sudo":     "needs a faasd host",
}

// runners run the commands that start like this.
var runners = map[string]func(*session, []string){
	"go run ./cmd/logmux demo": (*session).demo,
	"go install ./cmd/logmux":  (*session).install,
	"logmux check":             (*session).check,
	"logmux serve":             (*session).serve,
	"logmux logs":              (*session).logs,
	"curl":                     (*session).get,
}

// TestCommands runs every command of every page, in order, or knows why not.
func TestCommands(t *testing.T) {
	lookAtSources(t)
	s := newSession(t)
	unused := names(inCI, elsewhere, runners)
	for _, page := range pages {
		for _, command := range commands(t, page) {
			used := s.run(page, command)
			unused = slices.DeleteFunc(unused, func(name string) bool { return name == used })
		}
	}
	if len(unused) > 0 {
		t.Errorf("no page has a command for these any more: %q", unused)
	}
}

// lookAtSources makes the cache of go test depend on what the commands build. It
// sees which files a test looks at, and not what the programs do that it starts.
func lookAtSources(t *testing.T) {
	for _, dir := range []string{"cmd", "internal", "merge", "proxy"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command, or finds why it is not run here. It returns the entry of
// the tables above that says how.
func (s *session) run(page, command string) string {
	s.Helper()
	if _, ok := inCI[command]; ok {
		if !strings.Contains(read(s.T, ".ci/run"), "\nrun "+command+"\n") {
			s.Errorf("%s: .ci/run does not run %q", page, command)
		}
		return command
	}
	for start, run := range runners {
		if command == start || strings.HasPrefix(command, start+" ") {
			s.Logf("%s: %s", page, command)
			run(s, words(command))
			return start
		}
	}
	program, _, _ := strings.Cut(command, " ")
	if _, ok := elsewhere[program]; !ok {
		s.Errorf("%s: nothing here runs %q, or says why not", page, command)
	}
	return program
}

func names[A, B, C any](a map[string]A, b map[string]B, c map[string]C) []string {
	var all []string
	for name := range a {
		all = append(all, name)
	}
	for name := range b {
		all = append(all, name)
	}
	for name := range c {
		all = append(all, name)
	}
	return all
}

// words splits a command at spaces and takes single quotes off.
func words(command string) []string {
	words := strings.Fields(command)
	for i := range words {
		words[i] = strings.Trim(words[i], "'")
	}
	return words
}

// A session is a user's: a clone, a directory with a config, and a shell that
// finds the installed binary. The config's address is a free one, and its
// providers are samples but for one where nothing listens.
type session struct {
	*testing.T
	dir       string // holds config.yaml and bin
	addresses *strings.Replacer
}

// nobody listens at the port of tcpmux.
const nobody = "127.0.0.1:1"

func newSession(t *testing.T) *session {
	logs := &sample.Store{}
	for i := range 30 {
		logs.Append("figlet", sample.Line{
			Instance: "figlet-7d9c-abcde",
			Time:     time.Now().Add(time.Duration(i-30) * time.Second),
			Text:     "line " + strconv.Itoa(i),
		})
	}
	s := &session{t, t.TempDir(), strings.NewReplacer(
		"10.0.1.5:8081", listening(t, &sample.FaasNetes{Store: logs}),
		"10.0.2.5:8081", nobody,
		"10.0.3.5:9191", listening(t, &sample.Loki{}),
		"127.0.0.1:9195", freeAddress(t), // last, or a sample might take it
	)}
	config := s.addresses.Replace(blocks(t, "README.md", "yaml")[0])
	if err := os.WriteFile(filepath.Join(s.dir, "config.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func listening(t *testing.T, provider http.Handler) string {
	server := httptest.NewServer(provider)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
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

func (s *session) bin() string { return filepath.Join(s.dir, "bin") }

// output runs a command in a directory and returns what it prints.
func (s *session) output(dir string, words ...string) string {
	s.Helper()
	c := s.command(dir, words...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		s.Fatalf("%s: %v\n%s%s", strings.Join(words, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func (s *session) command(dir string, words ...string) *exec.Cmd {
	program := words[0]
	if program == "logmux" {
		program = filepath.Join(s.bin(), program)
	}
	c := exec.Command(program, words[1:]...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOBIN="+s.bin())
	return c
}

// demo would stay, so it is told not to.
func (s *session) demo(words []string) {
	got := s.output(root, append(words, "--once", "--listen", "127.0.0.1:0")...)
	if strings.Count(got, "\n") < 10 {
		s.Errorf("the demo prints next to nothing:\n%s", got)
	}
}

func (s *session) install(words []string) { s.output(root, words...) }

func (s *session) check(words []string) {
	if got, want := s.output(s.dir, words...), "ok\n"; got != want {
		s.Errorf("%q prints %q, want %q", words, got, want)
	}
}

// serve starts logmux, and stops it when the test ends.
func (s *session) serve(words []string) {
	c := s.command(s.dir, words...)
	var log bytes.Buffer
	c.Stderr = &log
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	s.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // fails where it has ended, which Wait tells
		defer time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() }).Stop()
		if err := <-ended; err != nil {
			s.Errorf("logmux serve ended with %v, want status 0:\n%s", err, log.String())
		}
	})
	s.ready(ended)
}

// logs prints what the samples have.
func (s *session) logs(words []string) {
	got := s.output(s.dir, words...)
	if first, want := got[:strings.Index(got, "\n")+1], "eu-west/figlet-7d9c-abcde line 0\n"; first != want || strings.Count(got, "\n") != 30 {
		s.Errorf("got\n%s\nwant 30 lines from %q", got, want)
	}
}

func (s *session) ready(ended chan error) {
	url := s.addresses.Replace("http://127.0.0.1:9195/readyz")
	for range 500 {
		if response, err := http.Get(url); err == nil {
			response.Body.Close()
			return
		}
		if len(ended) > 0 {
			return // the cleanup says why
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("logmux does not become ready")
}

// get is curl, which not every machine has.
func (s *session) get(words []string) {
	lines := strings.Split(strings.TrimSuffix(s.body(words[len(words)-1]), "\n"), "\n")
	if got, want := len(lines), 21; got != want {
		s.Fatalf("got %d lines, want the 20 asked for and a warning:\n%s", got, strings.Join(lines, "\n"))
	}
	s.warned(lines[20])
	s.metrics(s.body("http://127.0.0.1:9195/metrics"))
}

func (s *session) body(url string) string {
	s.Helper()
	response, err := http.Get(s.addresses.Replace(url))
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.Fatalf("%s: status %d, error %v\n%s", url, response.StatusCode, err, body)
	}
	return string(body)
}

// warned holds the README's example of a warning to a real one.
func (s *session) warned(got string) {
	example := blocks(s.T, "README.md", "json")[0]
	if got, want := undated(s.T, got), undated(s.T, s.addresses.Replace(example)); got != want {
		s.Errorf("the warning is\n%s\nand the README's example\n%s", got, want)
	}
}

func undated(t *testing.T, line string) string {
	t.Helper()
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if _, err := time.Parse(time.RFC3339Nano, fields["timestamp"].(string)); err != nil {
		t.Error(err)
	}
	fields["timestamp"] = "then"
	encoded, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

var metricRow = regexp.MustCompile("(?m)^\\| `(logmux_[a-z_]+)` \\|")

// metrics looks for those of the page among the real ones.
func (s *session) metrics(exposed string) {
	rows := metricRow.FindAllStringSubmatch(read(s.T, "docs/metrics.md"), -1)
	if len(rows) == 0 {
		s.Error("the page has no metrics")
	}
	for _, row := range rows {
		if !strings.Contains(exposed, "\n# TYPE "+row[1]+" ") {
			s.Errorf("there is no metric %s", row[1])
		}
	}
}
