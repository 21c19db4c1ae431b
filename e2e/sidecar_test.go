package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// A platform is a provider with all that one has beside logs. It keeps what it is asked and answers with it.
type platform struct {
	logs http.Handler

	mu    sync.Mutex
	asked []asked
}

// asked is a request as it came.
type asked struct {
	method, uri, host, body string
	header                  http.Header
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.RequestURI == "/system/logs" || strings.HasPrefix(r.RequestURI, "/system/logs?") {
		p.logs.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	p.asked = append(p.asked, asked{r.Method, r.RequestURI, r.Host, string(body), r.Header.Clone()})
	p.mu.Unlock()
	w.Header().Set("X-Of-Provider", "yes")
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	status := http.StatusOK
	fmt.Sscanf(r.Header.Get("X-Want-Status"), "%d", &status)
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

// last is the one that was asked last, and how many there were.
func (p *platform) last() (asked, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return asked{}, 0
	}
	return p.asked[len(p.asked)-1], len(p.asked)
}

const sidecar = "server: {listen: $listen, passthrough: $provider}\nupstreams: [{name: one, url: $provider}]"

// send writes a request byte for byte, for net/http would mend it, and reads the answer.
func (d *daemon) send(method, uri string, header http.Header, body string) answer {
	d.t.Helper()
	conn := d.dial()
	defer conn.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: sidecar.example:8080\r\nConnection: close\r\n", method, uri)
	header.Write(&head)
	if body != "" {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&head, "\r\n%s", body)
	if _, err := conn.Write(head.Bytes()); err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, uri, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, uri, err)
	}
	return answer{t: d.t, status: resp.StatusCode, header: resp.Header, body: string(got)}
}

// TestSidecarPasses has every route of a provider, and odd ones, pass byte for byte.
func TestSidecarPasses(t *testing.T) {
	provider := &platform{logs: answers(smallLine)}
	logmux := start(t, sidecar, hosts{"provider": serve(t, provider)})
	octets := "\x00\x01\xff\r\n\r\n" + strings.Repeat("é", 1000)
	const deployment = `{"service":"fn","image":"example/fn:1"}`
	for _, tt := range []struct{ method, uri, body string }{
		{"GET", "/system/functions", ""},
		{"GET", "/system/functions?namespace=staging", ""},
		{"POST", "/system/functions", deployment},
		{"PUT", "/system/functions", deployment},
		{"DELETE", "/system/functions", `{"functionName":"fn"}`},
		{"GET", "/system/function/fn?namespace=staging", ""},
		{"POST", "/system/scale-function/fn", `{"serviceName":"fn","replicas":3}`},
		{"GET", "/system/info", ""},
		{"GET", "/system/secrets", ""},
		{"POST", "/system/secrets", `{"name":"s","value":"v"}`},
		{"PUT", "/system/secrets", `{"name":"s","value":"w"}`},
		{"DELETE", "/system/secrets", `{"name":"s"}`},
		{"GET", "/system/namespaces", ""},
		{"GET", "/system/namespace/dev", ""},
		{"POST", "/system/namespace/", `{"name":"dev"}`},
		{"PUT", "/system/namespace/dev", `{}`},
		{"DELETE", "/system/namespace/dev", `{}`},
		{"POST", "/system/alert", `{"receiver":"scale-up"}`},
		{"GET", "/function/fn", ""},
		{"POST", "/function/fn.staging", octets},
		{"GET", "/function/fn/a/path?q=1&q=2&x", ""},
		{"PATCH", "/function/fn/a/path/", "{}"},
		{"OPTIONS", "/function/fn", ""},
		{"HEAD", "/function/fn", ""},
		{"PROPFIND", "/function/fn", "<propfind/>"},
		{"POST", "/async-function/fn?callback=http%3A%2F%2Fhost%2F", octets},
		// odd ones
		{"GET", "/", ""},
		{"GET", "//", ""},
		{"GET", "//system//functions//", ""},
		{"GET", "/function/fn//double//", ""},
		{"GET", "/function/fn/%2F%2f/..%2fup", ""},
		{"GET", "/function/fn/../../system/secrets", ""},
		{"GET", "/function/fn/./here/.", ""},
		{"GET", "/function/fn/%41%7e~!$&'()*+,;=:@", ""},
		{"GET", "/function/fn/%e6%97%a5/%00/%20", ""},
		{"GET", "/function/fn/[brackets]|pipe^\"quote\"", ""},
		{"GET", "/function/fn?", ""},
		{"GET", "/function/fn??a=/?&&b=%zz;c=d", ""},
		{"GET", "/function/fn?redirect=http://host/#fragment", ""},
		{"GET", "/system/logs/", ""},
		{"GET", "//system/logs?name=small", ""},
		{"GET", "/system/./logs?name=small", ""},
		{"GET", "/system/log", ""},
		{"GET", "/healthz/", ""},
		{"GET", "/metrics/x", ""},
		{"POST", "/-/reload", ""}, // off
		{"GET", "/" + strings.Repeat("long/", 1000), ""},
	} {
		t.Run(tt.method+" "+tt.uri[:min(len(tt.uri), 60)], func(t *testing.T) {
			_, before := provider.last()
			header := http.Header{"X-Some": {"one", "two"}, "Authorization": {basic("a", "b")}, "Cookie": {"c=d"}, "Accept-Encoding": {"br"}}
			got := logmux.of(t).send(tt.method, tt.uri, header, tt.body)
			last, n := provider.last()
			if n != before+1 {
				t.Fatalf("the provider was asked %d times; status %d: %s", n-before, got.status, got.body)
			}
			if last.method != tt.method || last.uri != tt.uri || last.body != tt.body || last.host != "sidecar.example:8080" {
				t.Errorf("the provider got %s %s at %s with %.100q", last.method, last.uri, last.host, last.body)
			}
			for field, values := range header {
				if !slices.Equal(last.header[field], values) {
					t.Errorf("the provider got %s: %q, want %q", field, last.header[field], values)
				}
			}
			want := fmt.Sprintf("%s %s %s", tt.method, tt.uri, tt.body)
			if tt.method == "HEAD" {
				want = ""
			}
			if got.status != http.StatusOK || got.body != want || got.header.Get("X-Of-Provider") != "yes" || len(got.header["Set-Cookie"]) != 2 {
				t.Errorf("the client got %d %q %v", got.status, got.body, got.header)
			}
		})
	}
	for _, status := range []int{201, 202, 204, 301, 304, 400, 401, 404, 429, 500, 503} {
		got := logmux.send("POST", "/function/fn", http.Header{"X-Want-Status": {fmt.Sprint(status)}}, "x")
		if got.status != status || got.header.Get("X-Of-Provider") != "yes" {
			t.Errorf("status %d, want %d", got.status, status)
		}
	}
}

// TestSidecarHasItsOwn serves logs itself, over all upstreams, and what else is its own.
func TestSidecarHasItsOwn(t *testing.T) {
	provider := &platform{logs: answers(smallLine)}
	logmux := start(t, sidecar+"\n", hosts{"provider": serve(t, provider)})
	logmux.ask("name=small").ok().silent().says("Ok", "one").has([]string{smallLine})
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/healthz", 200}, {"GET", "/readyz", 200}, {"GET", "/metrics", 200}, {"GET", "/system/logs", 422}, {"POST", "/system/logs?name=small", 405},
		{"DELETE", "/healthz", 405}, {"POST", "/metrics", 405},
	} {
		if got := logmux.send(tt.method, tt.path, nil, ""); got.status != tt.want || got.header.Get("X-Of-Provider") != "" {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.path, got.status, tt.want)
		}
	}
	if last, n := provider.last(); n > 0 {
		t.Errorf("the provider was asked %s %s", last.method, last.uri)
	}
}

func TestSidecarBasicAuth(t *testing.T) {
	provider := &platform{logs: sample.BasicAuth("admin", "secret", answers(smallLine))}
	const config = `
server: {listen: $listen, passthrough: $provider, basic_auth: {user_file: $user, password_file: $password}}
upstreams: [{name: one, url: $provider, auth: {forward: true}}]
`
	logmux := start(t, config, hosts{"provider": serve(t, provider), "user": secretFile(t, "admin"), "password": secretFile(t, "secret")})
	for _, tt := range []struct {
		value string
		want  int
	}{
		{"", 401}, {basic("admin", "wrong"), 401}, {"Bearer secret", 401}, {basic("admin", "secret"), 200},
	} {
		for _, path := range []string{"/system/functions", "/function/fn", "/", "/system/logs?name=small"} {
			got := logmux.send("GET", path, authorization(tt.value), "")
			if got.status != tt.want {
				t.Errorf("%s with %q: status %d, want %d", path, tt.value, got.status, tt.want)
			}
			if got.status == 401 && got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", path)
			}
		}
	}
	last, n := provider.last()
	if n != 3 || last.header.Get("Authorization") != basic("admin", "secret") {
		t.Errorf("the provider was asked %d times, the last time with %q", n, last.header.Get("Authorization"))
	}
}

// TestSidecarProviderFails has the provider be down, hang up and say what is no HTTP.
func TestSidecarProviderFails(t *testing.T) {
	at := down(t)
	for name, url := range map[string]string{
		"down":         at,
		"hangs up":     serve(t, sample.Drop()(nil)),
		"is no HTTP":   raw(t, sends("220 mail.example ESMTP\r\n", "")),
		"has no end":   raw(t, sends("HTTP/1.1 200 OK\r\n", "X-More: "+strings.Repeat("x", 1000)+"\r\n")),
		"has no name":  "http://nowhere.invalid",
		"is encrypted": serveTLS(t, nil, answers()),
	} {
		t.Run(name, func(t *testing.T) {
			logmux := start(t, "server: {listen: $listen, passthrough: $provider}\nupstreams: [{name: one, url: $one}]", hosts{"provider": url, "one": serve(t, answers(smallLine))})
			for _, method := range []string{"GET", "POST", "DELETE"} {
				begin := time.Now()
				if got := logmux.send(method, "/system/functions", nil, "body"); got.status != http.StatusBadGateway {
					t.Errorf("%s: status %d, want 502: %s", method, got.status, got.body)
				}
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("%s: answered after %v", method, took)
				}
			}
			logmux.ask("name=small").ok().silent().has([]string{smallLine})
			for _, path := range []string{"/healthz", "/readyz"} {
				if got := logmux.status(path); got != http.StatusOK {
					t.Errorf("%s: status %d", path, got)
				}
			}
			logmux.checkMemory()
		})
	}
}

// TestSidecarStreams has bodies arrive while they are written, in both directions.
func TestSidecarStreams(t *testing.T) {
	heard := make(chan string, 10)
	logmux := start(t, sidecar, hosts{"provider": serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		io.WriteString(w, "first\n")
		control.Flush()
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			heard <- lines.Text()
			fmt.Fprintf(w, "heard %s\n", lines.Text())
			control.Flush()
		}
		w.Header().Set(http.TrailerPrefix+"X-After", "all")
	}))})
	body, say := io.Pipe()
	defer say.Close()
	req, err := http.NewRequest(http.MethodPost, logmux.url+"/function/stream", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := logmux.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answers := bufio.NewReader(resp.Body)
	next := func(want string) {
		t.Helper()
		if got, err := answers.ReadString('\n'); err != nil || got != want+"\n" {
			t.Fatalf("the answer goes on with %q, %v; want %q", got, err, want)
		}
	}
	next("first")
	for _, word := range []string{"one", "two", "three"} {
		fmt.Fprintln(say, word)
		select {
		case got := <-heard:
			if got != word {
				t.Errorf("the provider heard %q, want %q", got, word)
			}
		case <-time.After(patience):
			t.Fatalf("the provider does not hear %q before the end", word)
		}
		next("heard " + word)
	}
	say.Close()
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
		t.Errorf("at the end stands %q, %v", rest, err)
	}
	if got := resp.Trailer.Get("X-After"); got != "all" {
		t.Errorf("trailer %q", got)
	}
}

// TestSidecarUpgrades hands a connection over, as for a WebSocket.
func TestSidecarUpgrades(t *testing.T) {
	logmux := start(t, sidecar, hosts{"provider": serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" || r.Header.Get("Connection") != "Upgrade" {
			http.Error(w, fmt.Sprint(r.Header), http.StatusBadRequest)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Of-Provider: yes\r\n\r\nhello\n")
		io.Copy(conn, buffered)
		io.WriteString(conn, "bye\n")
	}))})
	conn := logmux.dial()
	fmt.Fprint(conn, "GET /function/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("X-Of-Provider") != "yes" || resp.Header.Get("Upgrade") != "echo" {
		t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	next := func(want string) {
		t.Helper()
		if got, err := in.ReadString('\n'); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	next("hello\n")
	for _, word := range []string{"one\n", "\x00\xff two\n", strings.Repeat("x", 100_000) + "\n"} {
		go io.WriteString(conn, word)
		next(word)
	}
	// What one side has ended the other may go on with.
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	next("bye\n")
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("at the end stands %q, %v", rest, err)
	}
}

// TestSidecarUpload sends far more than fits in memory, and gets as much.
func TestSidecarUpload(t *testing.T) {
	skipShort(t)
	size := int64(256 << 20)
	if os.Getenv("LOGMUX_E2E_BIG") != "" {
		size = 1 << 30
	}
	logmux := start(t, sidecar, hosts{"provider": serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			io.Copy(w, &pattern{left: size})
			return
		}
		sum := checksum()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%d %x %v", n, sum.Sum32(), err)
	}))})
	sum := checksum()
	io.Copy(sum, &pattern{left: size})
	req, err := http.NewRequest(http.MethodPut, logmux.url+"/function/upload", &pattern{left: size})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := logmux.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if want := fmt.Sprintf("%d %x %v", size, sum.Sum32(), nil); err != nil || string(got) != want {
		t.Errorf("the provider got %s, want %s: %v", got, want, err)
	}
	if resp, err = logmux.client.Get(logmux.url + "/function/download"); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back := checksum()
	if n, err := io.Copy(back, resp.Body); err != nil || n != size || back.Sum32() != sum.Sum32() {
		t.Errorf("the client got %d bytes, want %d, and %x, want %x: %v", n, size, back.Sum32(), sum.Sum32(), err)
	}
	logmux.checkMemory()
}

func checksum() hash.Hash32 { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }

// A pattern is bytes of which no two blocks are the same, whoever reads how much of it at once.
type pattern struct {
	left, at int64
	block    [64 << 10]byte
}

func (p *pattern) Read(b []byte) (n int, err error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	size := int64(len(p.block))
	copy(p.block[:], fmt.Sprintf("%016x", p.at/size))
	n = copy(b[:min(int64(len(b)), p.left)], p.block[p.at%size:])
	p.at += int64(n)
	p.left -= int64(n)
	return n, nil
}

// TestSidecarHopHeaders keeps what is between two hosts between them, and says where the request was.
func TestSidecarHopHeaders(t *testing.T) {
	provider := &platform{}
	logmux := start(t, sidecar, hosts{"provider": serve(t, provider)})
	sent := http.Header{
		"Keep-Alive": {"timeout=5"}, "Proxy-Connection": {"keep-alive"}, "Te": {"trailers, deflate"}, "X-Listed": {"in Connection"},
		"X-Forwarded-For": {"10.1.2.3"}, "X-Forwarded-Host": {"gateway.example"}, "User-Agent": {"a client"}, "Via": {"1.1 edge"},
	}
	conn := logmux.dial()
	var head bytes.Buffer
	sent.Write(&head)
	fmt.Fprintf(conn, "GET /system/info HTTP/1.1\r\nHost: x\r\nConnection: close, X-Listed\r\n%s\r\n", head.String())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, _ := provider.last()
	for _, field := range []string{"Keep-Alive", "Proxy-Connection", "X-Listed", "Connection"} {
		if values := got.header[field]; values != nil {
			t.Errorf("the provider got %s: %q", field, values)
		}
	}
	want := maps.Clone(got.header)
	want["X-Forwarded-For"], want["X-Forwarded-Host"], want["User-Agent"] = []string{"10.1.2.3, 127.0.0.1"}, sent["X-Forwarded-Host"], sent["User-Agent"]
	for field, values := range want {
		if !slices.Equal(got.header[field], values) {
			t.Errorf("the provider got %s: %q, want %q", field, got.header[field], values)
		}
	}
	if via := strings.Join(got.header["Via"], ", "); !strings.HasPrefix(via, "1.1 edge, 1.1 logmux-") {
		t.Errorf("the provider got Via: %q", via)
	}
}
