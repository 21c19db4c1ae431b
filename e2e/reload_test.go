package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// metric is the value of one without labels.
func (d *daemon) metric(name string) float64 {
	d.t.Helper()
	got, err := d.fetch(http.MethodGet, "/metrics", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(got.body)
	if m == nil {
		d.t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		d.t.Fatal(err)
	}
	return value
}

const reloadedMetric = "logmux_config_last_reload_successful"

// rewrite puts another config into the file that the process was started with.
func (d *daemon) rewrite(text string, to hosts) {
	d.t.Helper()
	write(d.t, d.file, expand(d.t, text, to))
}

// serves reports whether the lines are those of an upstream that says its name.
func (d *daemon) serves(name string) bool {
	d.t.Helper()
	got := d.ask("name=fn").ok()
	return len(got.lines) == 1 && decode(d.t, got.lines[0]).Text == name
}

// named is a provider that says its name.
func named(name string) http.HandlerFunc {
	return answers(message{"fn", "", "pod", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), name}.wire())
}

const oneUpstream = "upstreams: [{name: one, url: $one}]"

// TestReload takes another file by a signal and by a request, and none that is wrong.
func TestReload(t *testing.T) {
	const endpoint = "server: {listen: $listen, reload_endpoint: true}\n" + oneUpstream
	first, second, third := serve(t, named("first")), serve(t, named("second")), serve(t, named("third"))
	logmux := start(t, oneUpstream, hosts{"one": first})
	reload := func(want int, words ...string) {
		t.Helper()
		got, err := logmux.fetch(http.MethodPost, "/-/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.status != want {
			t.Errorf("status %d, want %d: %s", got.status, want, got.body)
		}
		for _, word := range words {
			if !strings.Contains(got.body, word) {
				t.Errorf("the answer %q does not say %q", got.body, word)
			}
		}
	}
	if !logmux.serves("first") || logmux.metric(reloadedMetric) != 1 {
		t.Fatal("it does not begin well")
	}
	reload(http.StatusNotFound) // where it is off
	logmux.rewrite(endpoint, hosts{"one": second})
	if !logmux.serves("first") {
		t.Error("the file is read without being told to")
	}
	syscall.Kill(logmux.pid, syscall.SIGHUP)
	eventually(t, "the second config is in use", func() bool { return logmux.serves("second") })

	logmux.rewrite(endpoint, hosts{"one": third})
	reload(http.StatusOK)
	if !logmux.serves("third") {
		t.Error("what is answered 200 is not in use")
	}
	for _, method := range []string{"GET", "PUT", "HEAD"} {
		if got, err := logmux.fetch(method, "/-/reload", nil); err != nil || got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: %+v, %v", method, got, err)
		}
	}

	for _, wrong := range []string{
		"", "upstreams: []", "upstreams: [{name: one, url: " + first + ", dial_timout: 3s}]", "upstreams: [{name: one", "server: {listen: nowhere}\n" + oneUpstream,
		"upstreams: [{name: one, url: '" + first + "', auth: {token_file: /does/not/exist}}]",
	} {
		write(t, logmux.file, wrong)
		reload(http.StatusInternalServerError, "logmux.yaml")
		if got := logmux.metric(reloadedMetric); got != 0 {
			t.Errorf("%q: the metric is %v, want 0", wrong, got)
		}
		if !logmux.serves("third") {
			t.Errorf("%q: it changes what is served", wrong)
		}
	}
	write(t, logmux.file, "upstreams: [{name: one, url: "+first+", dial_timout: 3s}]") // by a signal, nobody but the log says it
	before := strings.Count(logmux.stderr.String(), "dial_timout")
	syscall.Kill(logmux.pid, syscall.SIGHUP)
	eventually(t, "the log says what is wrong", func() bool { return strings.Count(logmux.stderr.String(), "dial_timout") > before })
	os.Remove(logmux.file)
	reload(http.StatusInternalServerError)

	logmux.rewrite(oneUpstream, hosts{"one": second})
	syscall.Kill(logmux.pid, syscall.SIGHUP)
	eventually(t, "the good config is in use", func() bool { return logmux.serves("second") })
	eventually(t, "the metric is 1", func() bool { return logmux.metric(reloadedMetric) == 1 })
	reload(http.StatusNotFound) // it is off again
}

// A configMap is a directory as the kubelet mounts one.
type configMap struct {
	t        *testing.T
	dir      string
	versions int
}

func (m *configMap) file() string { return filepath.Join(m.dir, "logmux.yaml") }

// swap writes a version and puts it in the place of the one before, by one rename.
func (m *configMap) swap(text string) {
	m.t.Helper()
	m.versions++
	version := fmt.Sprintf("..2026_01_02_03_04_05.%d", m.versions)
	before, _ := os.Readlink(filepath.Join(m.dir, "..data"))
	for _, step := range []func() error{
		func() error { return os.Mkdir(filepath.Join(m.dir, version), 0o755) },
		func() error { return os.WriteFile(filepath.Join(m.dir, version, "logmux.yaml"), []byte(text), 0o600) },
		func() error { return os.Symlink(version, filepath.Join(m.dir, "..data_tmp")) },
		func() error { return os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")) },
		func() error {
			if before == "" {
				return os.Symlink("..data/logmux.yaml", m.file())
			}
			return os.RemoveAll(filepath.Join(m.dir, before))
		},
	} {
		if err := step(); err != nil {
			m.t.Fatal(err)
		}
	}
}

// TestReloadOfConfigMap has Kubernetes update the mounted file, without any signal.
func TestReloadOfConfigMap(t *testing.T) {
	t.Parallel()
	text := func(url string) string { return expand(t, oneUpstream, hosts{"one": url}) }
	second, third := serve(t, named("second")), serve(t, named("third"))
	m := &configMap{t: t, dir: t.TempDir()}
	m.swap(text(serve(t, named("first"))))
	logmux := launch(t, m.file(), "http", &http.Transport{})
	swapped := func(name string) {
		t.Helper()
		begin := time.Now()
		eventually(t, "the config is in use: "+name, func() bool { return logmux.serves(name) })
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("the config %s is in use after %v", name, took)
		}
	}
	swapped("first")
	m.swap(text(second))
	swapped("second")

	// A file that is edited is not read: who knows when its writer is done.
	write(t, m.file(), text(third))
	for deadline := time.Now().Add(700 * time.Millisecond); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if !logmux.serves("second") {
			t.Fatal("a file that is edited is read by itself")
		}
	}

	m.swap("upstreams: [{name: one") // a wrong one is noticed, and not taken
	eventually(t, "the metric is 0", func() bool { return logmux.metric(reloadedMetric) == 0 })
	if !logmux.serves("second") {
		t.Error("a wrong file changes what is served")
	}
	m.swap(text(third))
	swapped("third")
	if got := logmux.metric(reloadedMetric); got != 1 {
		t.Errorf("the metric is %v, want 1", got)
	}
}

// TestReloadUnderWay has requests that began before a reload finish on the config they began with.
func TestReloadUnderWay(t *testing.T) {
	letGo := make(chan struct{})
	at := time.Now().Add(-time.Minute).UTC()
	line := func(text string, seconds int) string {
		return message{"fn", "", "old", at.Add(time.Duration(seconds) * time.Second), text}.wire()
	}
	slow := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, line("one", 0))
		http.NewResponseController(w).Flush()
		select {
		case <-letGo:
			io.WriteString(w, line("two", 1))
		case <-r.Context().Done():
		}
	}
	store := &sample.Store{}
	store.Append("fn", sample.Line{Instance: "old", Time: at, Text: "backlog"})
	oldURL, oldAsked := recorded(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("instance") == "old" {
			slow(w, r)
			return
		}
		(&sample.FaasNetes{Store: store}).ServeHTTP(w, r)
	}))
	logmux := start(t, "server: {listen: $listen, reload_endpoint: true}\nquery: {reorder_window: 0}\nupstreams: [{name: old, url: $one}]", hosts{"one": oldURL})

	follow := logmux.open("name=fn&follow=true")
	defer follow.Body.Close()
	followed := bufio.NewReader(follow.Body)
	next := func() string {
		t.Helper()
		for {
			line, err := followed.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line != "\n" {
				return decode(t, line).Text
			}
		}
	}
	if got := next(); got != "backlog\n" {
		t.Fatalf("the follow begins with %q", got)
	}
	bounded := make(chan answer, 1)
	go func() {
		got, err := logmux.fetch(http.MethodGet, "/system/logs?name=fn&instance=old", nil)
		if err != nil {
			t.Error(err)
		}
		bounded <- got
	}()
	asked := func() int {
		return len(slices.DeleteFunc(oldAsked.Queries(), func(q url.Values) bool { return !q.Has("instance") }))
	}
	eventually(t, "the slow request is under way", func() bool { return asked() == 1 })

	logmux.rewrite("server: {listen: $listen}\nquery: {warnings: off}\n"+oneUpstream, hosts{"one": serve(t, named("new"))})
	if got, err := logmux.fetch(http.MethodPost, "/-/reload", nil); err != nil || got.status != http.StatusOK {
		t.Fatalf("reload: %+v, %v", got, err)
	}
	before := len(oldAsked.Queries())
	for range 3 {
		if !logmux.serves("new") {
			t.Error("a new request is served by the old config")
		}
	}
	if n := len(oldAsked.Queries()); n != before {
		t.Errorf("the old upstream was asked %d times more", n-before)
	}
	store.Append("fn", sample.Line{Instance: "old", Time: time.Now(), Text: "live"})
	if got := next(); got != "live\n" {
		t.Errorf("the follow goes on with %q", got)
	}
	close(letGo)
	got := <-bounded
	if got.status != http.StatusOK || got.body != line("one", 0)+line("two", 1) {
		t.Errorf("the slow request ended with %d %q", got.status, got.body)
	}
}

// TestReloadListens has the address change, to one that is free and to one that is not.
func TestReloadListens(t *testing.T) {
	const config = "server: {listen: $listen, reload_endpoint: true}\n" + oneUpstream
	first, second := serve(t, named("first")), serve(t, named("second"))
	logmux := start(t, config, hosts{"one": first})
	follow := logmux.open("name=fn&follow=true")
	defer follow.Body.Close()
	if _, err := io.ReadFull(follow.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}

	taken := strings.TrimPrefix(second, "http://")
	logmux.rewrite(config, hosts{"one": second, "listen": taken})
	if got, err := logmux.fetch(http.MethodPost, "/-/reload", nil); err != nil || got.status != http.StatusInternalServerError || !strings.Contains(got.body, taken) {
		t.Errorf("an address that is taken: %d %q, %v", got.status, got.body, err)
	}
	if !logmux.serves("first") || logmux.metric(reloadedMetric) != 0 {
		t.Error("an address that is taken changes what is served")
	}

	free := strings.TrimPrefix(down(t), "http://")
	logmux.rewrite(config, hosts{"one": second, "listen": free})
	syscall.Kill(logmux.pid, syscall.SIGHUP)
	moved := *logmux
	moved.url = "http://" + free
	eventually(t, "the new address answers", func() bool { return moved.status("/readyz") == http.StatusOK })
	if !moved.serves("second") {
		t.Error("at the new address the old config is served")
	}
	logmux.client.CloseIdleConnections()
	eventually(t, "the old address is gone", func() bool { return logmux.status("/readyz") == 0 })
	if _, err := io.ReadFull(follow.Body, make([]byte, 1)); err != nil {
		t.Errorf("the follow at the old address: %v", err)
	}
	logmux.url = moved.url
	if got := logmux.metric(reloadedMetric); got != 1 {
		t.Errorf("the metric is %v, want 1", got)
	}
}

// TestReloadUnderLoad reloads a hundred times, half of them in vain, while clients ask: none of them notices.
func TestReloadUnderLoad(t *testing.T) {
	const reloads, clients = 100, 6
	const config = "server: {listen: $listen, reload_endpoint: true, max_requests: %d}\n" +
		"upstreams: [{name: one, url: $one}, {name: two, url: $two}, {name: down, url: $down, match: {names: [nothing]}}]"
	at := time.Now().Add(-time.Minute).UTC()
	var lines []string
	for i := range 200 {
		lines = append(lines, message{"fn", "", "pod", at.Add(time.Duration(i) * time.Millisecond), fmt.Sprint(i)}.wire())
	}
	to := hosts{"one": serve(t, answers(lines...)), "two": serve(t, answers(lines...)), "down": down(t)}
	logmux := start(t, fmt.Sprintf(config, 100), to)
	reload := func(want int) {
		t.Helper()
		if got, err := logmux.fetch(http.MethodPost, "/-/reload", nil); err != nil || got.status != want {
			t.Fatalf("reload: status %d, want %d: %s, %v", got.status, want, got.body, err)
		}
	}
	size := func() (fds, goroutines int) {
		t.Helper()
		logmux.rewrite(fmt.Sprintf(config, 100), to)
		reload(http.StatusOK) // the config in use has no connections to its upstreams
		logmux.client.CloseIdleConnections()
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", logmux.pid))
		if os.IsNotExist(err) {
			t.Skip("there is no /proc here")
		}
		return len(entries), int(logmux.metric("go_goroutines"))
	}

	var stop atomic.Bool
	var served atomic.Int64
	var all sync.WaitGroup
	load := func() {
		stop.Store(false)
		for i := range clients {
			all.Go(func() {
				for !stop.Load() {
					query := "name=fn"
					if i%2 == 0 {
						query = "name=fn&tail=10"
					}
					got, err := logmux.fetch(http.MethodGet, "/system/logs?"+query, nil)
					want := 2 * len(lines)
					if i%2 == 0 {
						want = 10
					}
					if n := strings.Count(got.body, "\n"); err != nil || got.status != http.StatusOK || n != want || got.header.Get("X-Logmux-Ok") != "one,two" {
						t.Errorf("status %d, %d lines, %v, %v: %.300s", got.status, n, got.header, err, got.body)
						return
					}
					served.Add(1)
				}
			})
		}
	}
	rounds := func(n int) {
		for i := range n {
			before := served.Load()
			if i%2 == 0 {
				logmux.rewrite(fmt.Sprintf(config, 100+i), to)
				reload(http.StatusOK)
			} else {
				write(t, logmux.file, "upstreams: [{name: one, url: nowhere}]")
				reload(http.StatusInternalServerError)
			}
			eventually(t, "requests are served meanwhile", func() bool { return served.Load() > before || t.Failed() })
		}
		stop.Store(true)
		all.Wait()
	}
	defer func() {
		stop.Store(true)
		all.Wait()
	}()
	load()
	rounds(10) // what there is once is no growth
	var fds, goroutines int
	eventually(t, "it is calm", func() bool {
		before, _ := size()
		fds, goroutines = size()
		return fds == before
	})
	load()
	rounds(reloads)
	t.Logf("%d requests served; before: %d files, %d goroutines", served.Load(), fds, goroutines)
	var grown [2]int
	for deadline := time.Now().Add(patience); ; {
		grown[0], grown[1] = size()
		if grown[0] <= fds+2 && grown[1] <= goroutines+4 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d files and %d goroutines after %v of calm", grown[0], grown[1], patience)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	logmux.checkMemory()
}
