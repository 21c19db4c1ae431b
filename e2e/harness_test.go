package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/sample"
	"go.uber.org/goleak"
)

// patience is how long a test waits for what must come soon.
const patience = 20 * time.Second

var binary string // the command, built once

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // those that are parallel mostly wait
	}
	dir, err := os.MkdirTemp("", "logmux-e2e-*")
	if err != nil {
		log.Fatal(err)
	}
	binary = filepath.Join(dir, "logmux")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../cmd/logmux").CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		log.Fatalf("build the command: %v\n%s", err, out)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// hosts are the URLs that a config's $names stand for.
type hosts map[string]string

// A daemon is a `logmux serve` under way.
type daemon struct {
	t      *testing.T
	file   string // the config
	url    string
	pid    int
	client *http.Client
	exited chan struct{}
	code   int  // once exited
	killed bool // by the test
	stdout *journal
	stderr *journal
}

// start runs the command with a config and waits until it is ready. Where the config has no `server`, it is put on a
// free port of loopback; others say `listen: $listen`. It is told to stop at the test's end, and must stop well.
func start(t *testing.T, text string, to hosts) *daemon {
	t.Helper()
	return launch(t, configFile(t, text, to), "http", &http.Transport{})
}

// configFile holds a config whose $names are expanded.
func configFile(t *testing.T, text string, to hosts) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "logmux.yaml")
	write(t, file, expand(t, text, to))
	return file
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// expand makes of a config one that can be served.
func expand(t *testing.T, text string, to hosts) string {
	t.Helper()
	if !strings.Contains(text, "server:") {
		text = "server: {listen: $listen}\n" + text
	}
	text = os.Expand(text, func(name string) string {
		if name == "listen" && to[name] == "" {
			return "'127.0.0.1:0'"
		}
		if to[name] == "" {
			t.Fatalf("the config names the unknown host $%s", name)
		}
		return to[name]
	})
	if _, err := config.Parse("e2e.yaml", []byte(text)); err != nil {
		t.Fatalf("config:\n%v\n%s", err, text)
	}
	return text
}

// launch runs the command with a config file and waits until it is ready, as a client with this transport sees it.
func launch(t *testing.T, file, scheme string, transport *http.Transport) *daemon {
	t.Helper()
	transport.DisableCompression = true
	d := &daemon{
		t:      t,
		file:   file,
		client: &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: asItIs},
		exited: make(chan struct{}),
		stdout: &journal{},
		stderr: &journal{address: make(chan string, 1)},
	}
	cmd := exec.Command(binary, "serve", "--config", file)
	cmd.Stdout, cmd.Stderr = d.stdout, d.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.pid = cmd.Process.Pid
	go func() {
		defer close(d.exited)
		cmd.Wait()
		d.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { d.end(cmd.Process) })
	select {
	case address := <-d.stderr.address:
		d.url = scheme + "://" + address
	case <-d.exited:
		t.Fatalf("exit code %d:\n%s", d.code, d.stderr)
	case <-time.After(patience):
		t.Fatal("does not listen")
	}
	eventually(t, "ready", func() bool { return d.status("/readyz") == http.StatusOK })
	return d
}

// asItIs leaves a redirect to the test.
func asItIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// end stops the process as an orchestrator does.
func (d *daemon) end(p *os.Process) {
	d.client.CloseIdleConnections()
	p.Signal(syscall.SIGTERM)
	if code := d.exit(); code != 0 && !d.killed {
		d.t.Errorf("exit code %d", code)
	}
	if d.t.Failed() {
		d.t.Logf("stderr of %s:\n%s", d.url, d.stderr)
	}
}

// kill ends the process without a word.
func (d *daemon) kill() {
	d.killed = true
	syscall.Kill(d.pid, syscall.SIGKILL)
	d.exit()
}

// exit is the exit code of a process that was told to stop.
func (d *daemon) exit() int {
	select {
	case <-d.exited:
	case <-time.After(patience):
		d.t.Errorf("still running %v after SIGTERM", patience)
		syscall.Kill(d.pid, syscall.SIGKILL)
		<-d.exited
	}
	return d.code
}

// A journal is what a process writes. On stderr it says where it listens.
type journal struct {
	address chan string // nil for none

	mu   sync.Mutex
	text bytes.Buffer
}

var serving = regexp.MustCompile(`msg=serving .*address=(\S+)`)

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if m := serving.FindSubmatch(p); m != nil && j.address != nil {
		j.address <- string(m[1])
	}
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// serve starts a provider and returns its URL.
func serve(t *testing.T, provider http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(provider)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// recorded starts a provider and keeps what it is asked.
func recorded(t *testing.T, provider http.Handler) (string, *sample.Recorder) {
	t.Helper()
	r := &sample.Recorder{Handler: provider}
	return serve(t, r), r
}

// down is a URL where nobody listens.
func down(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// answers is a provider that always sends these bytes.
func answers(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		io.WriteString(w, strings.Join(lines, ""))
	}
}

// buffered takes a provider's flushes away: many lines make few packets.
func buffered(provider http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(unflushed{w}, r) }
}

type unflushed struct{ http.ResponseWriter }

func (unflushed) FlushError() error { return nil }

// A request is what a client asks for; zero fields are left out.
type request struct {
	name, namespace, instance string
	since                     time.Time
	tail                      int
}

func (r request) String() string {
	q := url.Values{}
	for key, value := range map[string]string{"name": r.name, "namespace": r.namespace, "instance": r.instance} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if !r.since.IsZero() {
		q.Set("since", r.since.Format(time.RFC3339Nano))
	}
	if r.tail != 0 {
		q.Set("tail", strconv.Itoa(r.tail))
	}
	return q.Encode()
}

// A message is one log line on the wire: logs.Message of faas-provider.
type message struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Instance  string    `json:"instance"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"`
}

// wire is the message as the providers write it.
func (m message) wire() string {
	encoded, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(encoded) + "\n"
}

func (m message) isWarning() bool {
	return m.Instance == "logmux" && strings.HasPrefix(m.Text, "logmux: ")
}

// decode reads a line as encoding/json reads it for faas-cli.
func decode(t *testing.T, line string) (m message) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%q does not decode: %v", line, err)
	}
	return m
}

// timestampOf is that of a line as the providers write it.
func timestampOf(t *testing.T, line string) time.Time {
	t.Helper()
	_, rest, _ := strings.Cut(line, `"timestamp":"`)
	stamp, _, _ := strings.Cut(rest, `"`)
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return at
}

// status is that of a GET, 0 if there is none.
func (d *daemon) status(path string) int {
	resp, err := d.client.Get(d.url + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// open asks for logs and leaves the body to be read.
func (d *daemon) open(query string) *http.Response {
	d.t.Helper()
	resp, err := d.client.Get(d.url + "/system/logs?" + query)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp
}

// An answer is a response that was read to its end.
type answer struct {
	t        *testing.T
	status   int
	header   http.Header // with the trailer
	chunked  bool
	body     string
	lines    []string // of the body, each with its newline, without the warnings
	warnings []string // the texts
}

// logs asks and holds the answer to what is promised of every answer.
func (d *daemon) logs(r request) answer { d.t.Helper(); return d.ask(r.String()) }

func (d *daemon) ask(query string) answer {
	d.t.Helper()
	a, err := d.fetch(http.MethodGet, "/system/logs?"+query, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if a.status != http.StatusOK {
		return a
	}
	if got := a.header.Get("Content-Type"); got != "application/x-ndjson" {
		d.t.Errorf("Content-Type %q", got)
	}
	if !a.chunked || a.header.Get("Content-Encoding") != "" {
		d.t.Errorf("chunked: %t, Content-Encoding %q", a.chunked, a.header["Content-Encoding"])
	}
	a.split()
	return a
}

// fetch reads an answer of any kind. It may be called by any goroutine.
func (d *daemon) fetch(method, path string, header http.Header) (answer, error) {
	req, err := http.NewRequest(method, d.url+path, nil)
	if err != nil {
		return answer{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := d.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	a := answer{t: d.t, status: resp.StatusCode, header: resp.Header, body: string(body)}
	a.chunked = slices.Equal(resp.TransferEncoding, []string{"chunked"})
	for key, values := range resp.Trailer {
		a.header[key] = append(a.header[key], values...)
	}
	return a, nil
}

// split tells lines from warnings, which stand behind them. Of very many lines only some are decoded here.
func (a *answer) split() {
	a.t.Helper()
	a.lines = slices.Grow(a.lines, strings.Count(a.body, "\n"))
	for line := range strings.Lines(a.body) {
		if !strings.HasSuffix(line, "\n") || strings.HasSuffix(line, "\r\n") || line == "\n" {
			a.t.Fatalf("line %q does not end as it should, or is blank", line)
		}
		n := len(a.lines)
		if (n < 200 || n%100 == 0 || strings.Contains(line, `"logmux"`)) && decode(a.t, line).isWarning() {
			a.warnings = append(a.warnings, decode(a.t, line).Text)
			continue
		}
		if len(a.warnings) > 0 {
			a.t.Fatalf("line %q is behind the warning %q", line, a.warnings[0])
		}
		a.lines = append(a.lines, line)
	}
}

// ok checks that the request was answered.
func (a answer) ok() answer {
	a.t.Helper()
	if a.status != http.StatusOK {
		a.t.Fatalf("status %d: %s", a.status, a.body)
	}
	return a
}

// silent checks that there is no warning.
func (a answer) silent() answer {
	a.t.Helper()
	if len(a.warnings) > 0 {
		a.t.Errorf("%d warnings, want none: %.200q", len(a.warnings), a.warnings[:min(3, len(a.warnings))])
	}
	return a
}

// warns checks that the warnings are as many as given, and each holds the words of its own.
func (a answer) warns(want ...[]string) answer {
	a.t.Helper()
	if len(a.warnings) != len(want) {
		a.t.Fatalf("%d warnings, want %d: %.200q", len(a.warnings), len(want), a.warnings[:min(3, len(a.warnings))])
	}
	for i, words := range want {
		for _, word := range words {
			if !strings.Contains(a.warnings[i], word) {
				a.t.Errorf("warning %q does not say %q", a.warnings[i], word)
			}
		}
	}
	return a
}

// says checks the header, or trailer, that names upstreams by outcome.
func (a answer) says(outcome, want string) answer {
	a.t.Helper()
	if got := strings.Join(a.header.Values("X-Logmux-"+outcome), ","); got != want {
		a.t.Errorf("X-Logmux-%s: %q, want %q", outcome, got, want)
	}
	return a
}

// has checks the lines, byte for byte and in order.
func (a answer) has(want []string) answer {
	a.t.Helper()
	if slices.Equal(a.lines, want) {
		return a
	}
	a.t.Errorf("%d lines, want %d; %s", len(a.lines), len(want), firstDifference(a.lines, want))
	return a
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("line %d is missing: %.300s", i, want[i])
		case i >= len(want):
			return fmt.Sprintf("line %d is too much: %.300s", i, got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("line %d:\n got %.300s\nwant %.300s", i, got[i], want[i])
		}
	}
	return "no difference"
}

// absent checks for the refusal of a function that no upstream has.
func (a answer) absent(name string) {
	a.t.Helper()
	want := "function log request failed: " + name + " is on no upstream"
	if a.status != http.StatusInternalServerError || strings.TrimSuffix(a.body, "\n") != want {
		a.t.Errorf("status %d, body %q; want 500 and %q", a.status, a.body, want)
	}
}

// memory is the most that the process had of RAM, in bytes.
func (d *daemon) memory() int64 {
	d.t.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", d.pid))
	if errors.Is(err, os.ErrNotExist) {
		d.t.Skip("there is no /proc here")
	}
	if err != nil {
		d.t.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		var kilobytes int64
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	d.t.Fatal("no VmHWM")
	return 0
}
