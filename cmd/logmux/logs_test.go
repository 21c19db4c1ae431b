package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// minuteAgo is when the lines of a cluster begin, to the microsecond: faasd has
// no more.
var minuteAgo = time.Now().Add(-time.Minute).Truncate(time.Microsecond)

// clusters are three providers of the lines 0 to 8 of figlet, a second apart, and
// the config that names them west, edge and archive.
func clusters(t *testing.T) (config string) {
	t.Helper()
	netes, journal, loki := new(sample.Store), new(sample.Store), new(sample.Store)
	for i, at := range []struct {
		store    *sample.Store
		instance string
	}{
		{netes, "figlet-a"}, {journal, "17"}, {loki, "figlet-x"},
		{netes, "figlet-b"}, {journal, "17"}, {loki, "figlet-x"},
		{netes, "figlet-a"}, {journal, "17"}, {loki, "figlet-a"},
	} {
		at.store.Append("figlet", sample.Line{Instance: at.instance, Time: minuteAgo.Add(time.Duration(i) * time.Second), Text: fmt.Sprint(i)})
	}
	return "upstreams:\n" + provider(t, "west", "faas-netes", &sample.FaasNetes{Store: netes}) +
		provider(t, "edge", "faasd", &sample.Faasd{Store: journal}) +
		provider(t, "archive", "openfaas-loki", &sample.Loki{Store: loki})
}

const downEntry = "  - {name: down, url: 'http://127.0.0.1:1', retry: {max: 0}}\n"

// What is said of it.
const downWarning = "logmux: down failed: dial: dial tcp 127.0.0.1:1: connect: connection refused; its lines are missing\n"

// logsOf runs logmux logs.
func logsOf(t *testing.T, args string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"logs"}, strings.Fields(args)...), &out, &err)
	return code, out.String(), err.String()
}

const figletText = `west/figlet-a    0
edge/17          1
archive/figlet-x 2
west/figlet-b    3
edge/17          4
archive/figlet-x 5
west/figlet-a    6
edge/17          7
archive/figlet-a 8
`

func TestLogsText(t *testing.T) {
	file := write(t, clusters(t))
	since := minuteAgo.Add(7 * time.Second).UTC().Format(time.RFC3339Nano)
	for _, tt := range []struct{ name, args, want string }{
		{"all", "", figletText},
		{"tail", "--tail 2", "edge/17          7\narchive/figlet-a 8\n"},
		{"all, explicitly", "--tail -1", figletText},
		{"since a time", "--since " + since, "edge/17          7\narchive/figlet-a 8\n"},
		{"since a day ago", "--since 1d", figletText},
		{"since now", "--since 0s", ""},
		{"a namespace", "-n openfaas-fn --tail 1", "archive/figlet-a 8\n"},
		{"raw", "-o raw --tail 2", "7\n8\n"},
		{"the time", "-t --tail 1", minuteAgo.Add(8*time.Second).Local().Format("2006-01-02T15:04:05.000Z07:00") + " archive/figlet-a 8\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := logsOf(t, "figlet --config "+file+" "+tt.args)
			if code != 0 || stdout != tt.want || stderr != "" {
				t.Errorf("exit code %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, stdout, tt.want)
			}
		})
	}
}

func TestLogsInColour(t *testing.T) {
	_, stdout, stderr := logsOf(t, "figlet --color always --tail 1 --config "+write(t, clusters(t)+downEntry))
	if want := "archive/figlet-a 8\n"; stripped(stdout) != want || strings.Count(stdout, "\x1b[0m") != 2 {
		t.Errorf("got %q, want %q in two colours", stdout, want)
	}
	if want := "\x1b[38;5;136m" + strings.TrimSuffix(downWarning, "\n") + "\x1b[0m\n"; stderr != want {
		t.Errorf("stderr: got %q, want %q", stderr, want)
	}
}

// stripped is a text without its colours.
func stripped(text string) string {
	var plain string
	for i, part := range strings.Split(text, "\x1b[") {
		if i > 0 {
			_, part, _ = strings.Cut(part, "m")
		}
		plain += part
	}
	return plain
}

func TestLogsOfAnInstance(t *testing.T) {
	file := write(t, clusters(t))
	own := write(t, strings.Replace(clusters(t), "kind: faas-netes", "kind: faas-netes, labels: {instance_prefix: 'w:'}", 1))
	single := write(t, strings.SplitAfter(clusters(t), "faas-netes}\n")[0])
	for _, tt := range []struct{ name, file, instance, want string }{
		{"with its upstream", file, "west/figlet-a", "west/figlet-a 0\nwest/figlet-a 6\n"},
		{"without, anybody's", file, "figlet-a", "figlet-a 0\nfiglet-a 6\nfiglet-a 8\n"},
		{"without, a number", file, "17", "17 1\n17 4\n17 7\n"},
		{"another's", file, "edge/figlet-a", ""},
		{"of no upstream", file, "south/figlet-a", ""},
		{"with the config's prefix", own, "w:figlet-a", "w:figlet-a 0\nw:figlet-a 6\n"},
		{"where another has the config's", own, "archive/figlet-x", "archive/figlet-x 2\narchive/figlet-x 5\n"},
		{"of the only upstream", single, "figlet-a", "figlet-a 0\nfiglet-a 6\n"},
		{"of the only upstream, by its name", single, "west/figlet-a", "figlet-a 0\nfiglet-a 6\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := "figlet --tail 5 --instance " + tt.instance + " --config " + tt.file
			if code, got, stderr := logsOf(t, args); code != 0 || got != tt.want || stderr != "" {
				t.Errorf("exit code %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, got, tt.want)
			}
			var want string
			for line := range strings.Lines(tt.want) {
				want += strings.Fields(line)[1] + "\n"
			}
			if code, got, stderr := logsOf(t, args+" -o raw"); code != 0 || got != want || stderr != "" {
				t.Errorf("raw: exit code %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, got, want)
			}
		})
	}
}

// The same bytes as a server sends, whatever they hold.
func TestLogsAsJSON(t *testing.T) {
	const odd = `{"text":"\u003ca\u003e\n","instance":"x","extra":[1.0,null],"timestamp":"2026-01-02T03:04:05.10Z","name":"figlet"}` + "\n"
	upstreams := strings.TrimPrefix(clusters(t), "upstreams:\n") +
		provider(t, "odd", "generic", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, odd+"<html>\n") }))
	d := startServe(t, "", upstreams)
	want := d.get("/system/logs?name=figlet&warnings=off").body
	code, got, stderr := logsOf(t, "figlet -o json --config "+write(t, "upstreams:\n"+upstreams+downEntry))
	if code != 0 || got != want || !strings.HasPrefix(got, odd) {
		t.Errorf("exit code %d, got\n%s\nwant\n%s", code, got, want)
	}
	if stderr != downWarning {
		t.Errorf("stderr: got %q, want %q", stderr, downWarning)
	}
}

func TestLogsByURL(t *testing.T) {
	var urls []string
	for line := range strings.Lines(clusters(t)) {
		if _, rest, ok := strings.Cut(line, "url: "); ok {
			url, _, _ := strings.Cut(rest, ",")
			urls = append(urls, url)
		}
	}
	code, stdout, stderr := logsOf(t, "figlet --tail 1 --kind faasd --url "+urls[1])
	if code != 0 || stdout != "17 7\n" || stderr != "" {
		t.Errorf("one: exit code %d, %q, %q", code, stdout, stderr)
	}
	t.Setenv(urlVariable, strings.Join(urls[:2], " "))
	want := fmt.Sprintf("%[1]s/figlet-a 0\n%[2]s/17       1\n%[1]s/figlet-b 3\n%[2]s/17       4\n%[1]s/figlet-a 6\n%[2]s/17       7\n",
		strings.TrimPrefix(urls[0], "http://"), strings.TrimPrefix(urls[1], "http://"))
	if code, stdout, stderr = logsOf(t, "figlet"); code != 0 || stdout != want || stderr != "" {
		t.Errorf("two: exit code %d, stderr %q, stdout\n%s\nwant\n%s", code, stderr, stdout, want)
	}
}

func TestLogsWithAPassword(t *testing.T) {
	store := new(sample.Store)
	store.Append("figlet", sample.Line{Instance: "17", Time: minuteAgo, Text: "hello"})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "admin" || password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		(&sample.Faasd{Store: store}).ServeHTTP(w, r)
	}))
	defer s.Close()
	for _, tt := range []struct {
		user string
		code int
		want string
	}{
		{"admin:s3cret@", 0, "17 hello\n"},
		{"admin:s3cre@", 1, "failed: auth: 401 Unauthorized\n"},
	} {
		code, stdout, stderr := logsOf(t, "figlet --url "+strings.Replace(s.URL, "http://", "http://"+tt.user, 1))
		if code != tt.code || !strings.HasSuffix(stdout+stderr, tt.want) || strings.Contains(stdout+stderr, "s3cre") {
			t.Errorf("%s: exit code %d, %q, %q, want %q", tt.user, code, stdout, stderr, tt.want)
		}
	}
}

func TestLogsExitCodes(t *testing.T) {
	netes := provider(t, "west", "faas-netes", &sample.FaasNetes{})
	broken := provider(t, "broken", "generic", sample.Refuse(http.StatusTeapot, nil)(nil))
	slow, _, _ := hanging(t)
	for _, tt := range []struct {
		name, config, args string
		code               int
		stdout, stderr     string
	}{
		{"one of several failed", clusters(t) + downEntry, "--tail 1", 0, "archive/figlet-a 8\n", downWarning},
		{"one of several failed, strictly", clusters(t) + downEntry, "--tail 1 --strict", 1, "archive/figlet-a 8\n", downWarning + "logmux: the answer is incomplete\n"},
		{"whatever the config says of warnings", "query: {warnings: off}\n" + clusters(t) + downEntry, "--tail 1", 0, "archive/figlet-a 8\n", downWarning},
		{"none failed, strictly", clusters(t), "--tail 1 --strict", 0, "archive/figlet-a 8\n", ""},
		{"on no upstream", "upstreams:\n" + netes, "", 1, "", "logmux: figlet is on no upstream\n"},
		{"on no upstream, in a follow", "upstreams:\n" + netes, "-f", 1, "", "logmux: figlet is on no upstream\n"},
		{"all failed", "upstreams:\n" + downEntry + broken, "", 1, "", "logmux: down failed: dial: dial tcp 127.0.0.1:1: connect: connection refused\n" +
			"broken failed: status-418: 418 I'm a teapot (I'm a teapot)\n"},
		{"not in time", "upstreams:\n" + slow, "--timeout 50ms", 1, "", "logmux: slow failed: timeout: not done within query.timeout\n"},
		{"a bad config", "upstreams: []\n", "", 1, "", "upstreams: there must be at least one upstream\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, tt.config)
			code, stdout, stderr := logsOf(t, "figlet --config "+file+" "+tt.args)
			if stderr = strings.TrimPrefix(stderr, "logmux: "+file+":1: "); code != tt.code || stdout != tt.stdout || stderr != tt.stderr {
				t.Errorf("exit code %d, stdout %q, stderr %q, want %d, %q and %q", code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}

// Lines that the members of a group share are one, also where they are told apart.
func TestLogsOfReplicas(t *testing.T) {
	store := new(sample.Store)
	store.Append("figlet", sample.Line{Instance: "figlet-a", Time: minuteAgo, Text: "once"})
	config := "upstreams:\n" + provider(t, "west-1", "openfaas-loki", &sample.Loki{Store: store}) + provider(t, "west-2", "openfaas-loki", &sample.Loki{Store: store})
	config = strings.ReplaceAll(config, "openfaas-loki}", "openfaas-loki, replica_group: west}")
	if code, stdout, stderr := logsOf(t, "figlet --config "+write(t, config)); code != 0 || stdout != "west/figlet-a once\n" || stderr != "" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

func TestLogsInterrupted(t *testing.T) {
	entry, asked, _ := hanging(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	go func() { <-asked; interrupt() }()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"logs", "f", "--config", write(t, "upstreams:\n"+entry)}, &stdout, &stderr)
	if want := "logmux: interrupted before all was there\n"; code != 1 || stdout.Len() > 0 || stderr.String() != want {
		t.Errorf("exit code %d, %q, %q, want 1 and %q", code, &stdout, &stderr, want)
	}
}

// A screen is stdout or stderr of a command under way.
type screen struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows waits until the screen shows a text.
func (s *screen) shows(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(s.String(), text) {
		within(t, fmt.Sprintf("%q among %q", text, s.String()), s.changed)
	}
}

// A following is `logmux logs -f` under way.
type following struct {
	stdout, stderr *screen
	interrupt      context.CancelFunc
	exit           chan int
}

func follow(t *testing.T, args string) *following {
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{newScreen(), newScreen(), cancel, make(chan int, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.exit <- run(ctx, append([]string{"logs", "-f"}, strings.Fields(args)...), f.stdout, f.stderr)
	}()
	t.Cleanup(func() {
		cancel()
		within(t, "the end of logs", done)
	})
	return f
}

func TestLogsFollow(t *testing.T) {
	store := new(sample.Store)
	for i := range 20 {
		store.Append("figlet", sample.Line{Instance: "a", Time: minuteAgo.Add(time.Duration(i) * time.Millisecond), Text: fmt.Sprint("old ", i)})
	}
	f := follow(t, "figlet --strict --config "+write(t, "query: {follow_timeout: 1ms}\nupstreams:\n"+
		provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store})+provider(t, "edge", "faasd", &sample.Faasd{})))
	f.stdout.shows(t, "old 19\n")
	if got, want := strings.Count(f.stdout.String(), "\n"), followTail; got != want {
		t.Errorf("begins with %d lines, want %d", got, want)
	}
	store.Append("figlet", sample.Line{Instance: "a", Time: time.Now(), Text: "new"})
	f.stdout.shows(t, "west/a new\n")
	// It would wait for the reorder window.
	store.Append("figlet", sample.Line{Instance: "a", Time: time.Now(), Text: "newer"})
	time.Sleep(100 * time.Millisecond)
	f.interrupt()
	if code := within(t, "the exit", f.exit); code != 0 || f.stderr.String() != "" {
		t.Errorf("exit code %d, %q", code, f.stderr)
	}
	if !strings.HasSuffix(f.stdout.String(), "west/a newer\n") {
		t.Errorf("what waited is lost: %q", f.stdout)
	}
}

func TestLogsFollowTellsOfFailures(t *testing.T) {
	store := new(sample.Store)
	store.Append("figlet", sample.Line{Instance: "a", Time: minuteAgo, Text: "old"})
	f := follow(t, "figlet --strict --config "+write(t, "upstreams:\n"+provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store})+downEntry))
	f.stdout.shows(t, "west/a old\n")
	f.stderr.shows(t, "logmux: down failed: dial")
	f.interrupt()
	if code := within(t, "the exit", f.exit); code != 1 || !strings.HasSuffix(f.stderr.String(), "logmux: the answer is incomplete\n") {
		t.Errorf("exit code %d, %q", code, f.stderr)
	}
}

// A gateway breaks each follow off after a minute, and a logmux ends it: both are
// asked again.
func TestLogsFollowIsResumed(t *testing.T) {
	for _, tt := range []struct {
		name string
		args func(t *testing.T, store *sample.Store) string
	}{
		{"a provider or gateway that breaks off", func(t *testing.T, store *sample.Store) string {
			s := httptest.NewServer(&sample.FaasNetes{Store: store, Timeout: 400 * time.Millisecond})
			t.Cleanup(s.Close)
			return "--url " + s.URL
		}},
		{"a logmux that ends", func(t *testing.T, store *sample.Store) string {
			d := startServe(t, "", provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store})+"query: {follow_timeout: 400ms}\n")
			return "--kind logmux --url " + d.url
		}},
		{"a logmux of which nothing is known", func(t *testing.T, store *sample.Store) string {
			d := startServe(t, "", provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store})+"query: {follow_timeout: 400ms}\n")
			return "--url " + d.url
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := new(sample.Store)
			var want string
			log := func(i int) {
				store.Append("figlet", sample.Line{Instance: "a", Time: time.Now(), Text: fmt.Sprint("line ", i)})
				want += fmt.Sprintf("line %d\n", i)
			}
			log(0)
			f := follow(t, "figlet -o raw --tail -1 --since 1h "+tt.args(t, store))
			const lines = 100
			for i := 1; i < lines; i++ {
				time.Sleep(20 * time.Millisecond)
				log(i)
			}
			f.stdout.shows(t, fmt.Sprintf("line %d\n", lines-1))
			f.interrupt()
			if code := within(t, "the exit", f.exit); code != 0 || f.stdout.String() != want || f.stderr.String() != "" {
				t.Errorf("exit code %d, stderr %q, stdout\n%s\nwant each line once", code, f.stderr, f.stdout)
			}
		})
	}
}

// The reader of a pipe may have seen enough.
func TestLogsIntoAClosedPipe(t *testing.T) {
	store := new(sample.Store)
	for i := range 5000 {
		store.Append("figlet", sample.Line{Instance: "a", Time: minuteAgo.Add(time.Duration(i) * time.Millisecond), Text: strings.Repeat("x", 100)})
	}
	file := write(t, "upstreams:\n"+provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store}))
	for _, args := range []string{"", "-o json", "-f --tail -1", "-f -o raw --tail -1"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		exit := make(chan int, 1)
		stderr := newScreen()
		go func() {
			exit <- run(t.Context(), append([]string{"logs", "figlet", "--config", file}, strings.Fields(args)...), w, stderr)
		}()
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if code := within(t, "the exit", exit); code != 0 || stderr.String() != "" {
			t.Errorf("%s: exit code %d, %q", args, code, stderr)
		}
		w.Close()
	}
}

// Stdout itself is another matter: by default, to write to it then is deadly.
func TestLogsBeforeHead(t *testing.T) {
	store := new(sample.Store)
	for i := range 5000 {
		store.Append("figlet", sample.Line{Instance: "a", Time: minuteAgo.Add(time.Duration(i) * time.Millisecond), Text: strings.Repeat("x", 100)})
	}
	bash, err := osexec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	file := write(t, "upstreams:\n"+provider(t, "west", "faas-netes", &sample.FaasNetes{Store: store}))
	c := osexec.Command(bash, "-c", `"$0" logs figlet --config "$1" | head -n 1; echo "${PIPESTATUS[0]}"`, os.Args[0], file)
	c.Env = append(os.Environ(), asLogmux+"=1")
	got, err := c.CombinedOutput()
	if want := "a " + strings.Repeat("x", 100) + "\n0\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// A pager reads as far as its user has, and no upstream waits for that: it would
// be late at query.timeout.
func TestLogsWaitForTheirReader(t *testing.T) {
	const lines = 2500 // more than pipes and connections hold
	var body bytes.Buffer
	for i := range lines {
		at := minuteAgo.Add(time.Duration(i) * time.Millisecond).UTC().Format(time.RFC3339Nano)
		fmt.Fprintf(&body, `{"name":"figlet","instance":"17","timestamp":"%s","text":"%s"}`+"\n", at, strings.Repeat("x", 4000))
	}
	sent := make(chan error, 1)
	file := write(t, "query: {timeout: 10m}\nupstreams:\n"+provider(t, "edge", "faasd", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(body.Bytes())
		sent <- err
	})))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	exit := make(chan int, 1)
	stderr := newScreen()
	go func() {
		defer w.Close()
		exit <- run(t.Context(), []string{"logs", "figlet", "--config", file}, w, stderr)
	}()
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // it is much for the race detector
		t.Error("the upstream waits")
	}
	got, err := io.ReadAll(r)
	if n := bytes.Count(got, []byte("\n")); n != lines || err != nil || stderr.String() != "" {
		t.Errorf("got %d lines, %v, %q, want %d", n, err, stderr, lines)
	}
	if code := within(t, "the exit", exit); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
