package e2e_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// Secrets of every kind that a config, or a client, can have.
const (
	inPassword    = "In-Canary-3f7a91"    // what clients must send
	wrongPassword = "Wrong-Canary-77b0c2" // what one sends that does not know it
	urlUser       = "UrlUser-Canary-c4e8"
	urlPassword   = "UrlPass/Canary@90d1"
	outPassword   = "Out-Canary-5b21ee"
	token         = "Token.Canary_8a6fd0"
	fixedHeader   = "Header-Canary-d03b7f"
	cookie        = "Cookie-Canary-e91c44"
	queryToken    = "Query-Canary-1f6b3d"
	bodySecret    = "Body-Canary-a8820e"
	brokenSecret  = "Broken-Canary-60cc19" // only in files that are wrong
)

// spellings are those in which a secret might be seen.
func spellings(secret string) []string {
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:], fmt.Sprintf("%x", secret)}
	for skipped := range 3 { // what stands before it moves it
		encoded := base64.StdEncoding.EncodeToString([]byte("xxx"[:skipped] + secret))
		all = append(all, encoded[4:len(encoded)-4])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// everything is all that a process ever says.
type everything struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (e *everything) hear(what string, said []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(&e.said, "\n### %s\n%s\n", what, said)
}

// hearAnswer keeps each byte of an answer but those of its framing.
func (e *everything) hearAnswer(t *testing.T, what string, resp *http.Response) {
	t.Helper()
	head, err := httputil.DumpResponse(resp, false)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	e.hear(what, fmt.Appendf(nil, "%s%s\n%v", head, body, resp.Trailer))
}

// check looks for the secrets, and for words that must be there or it would show nothing.
func (e *everything) check(t *testing.T, secrets, words []string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, secret := range secrets {
		for _, spelling := range spellings(secret) {
			for line := range bytes.Lines(e.said.Bytes()) {
				if bytes.Contains(line, []byte(spelling)) {
					t.Errorf("%s (as %s) is seen in: %.500s", secret, spelling, line)
					break
				}
			}
		}
	}
	for _, word := range words {
		if !bytes.Contains(e.said.Bytes(), []byte(word)) {
			t.Errorf("%q is not seen", word)
		}
	}
}

// keyLines are the lines of a private key, of which none may be seen.
func keyLines(i issued) []string {
	lines := strings.Split(strings.TrimSpace(i.keyPEM), "\n")
	return lines[1 : len(lines)-1]
}

// A secretive is a logmux whose config has every kind of secret, in front of upstreams that fail.
type secretive struct {
	*daemon
	everything
	hosts
	secrets []string
}

// ways are those to authenticate at an upstream, and one secret each that shows that it did.
var ways = map[string]string{
	"info":    "",
	"basic":   "auth: {user_file: $user, password_file: $password}",
	"token":   "auth: {token_file: $token}",
	"headers": "headers: {X-Api-Key: " + fixedHeader + "}",
	"forward": "auth: {forward: true}",
}

// startSecretive has each of the providers, by name, as an upstream for each way to authenticate, and one for all else.
func startSecretive(t *testing.T, passthrough string, providers map[string]string) *secretive {
	t.Helper()
	a := newAuthority(t)
	server, client := a.issue(t, leaf{}), a.issue(t, leaf{})
	s := &secretive{secrets: []string{inPassword, wrongPassword, urlUser, urlPassword, outPassword, token, fixedHeader, cookie, queryToken, bodySecret, brokenSecret}}
	s.secrets = append(append(s.secrets, keyLines(server)...), keyLines(client)...)
	s.hosts = hosts{
		"in": secretFile(t, inPassword), "inUser": secretFile(t, "admin"), "user": secretFile(t, "reader"), "password": secretFile(t, outPassword),
		"token": secretFile(t, token), "ca": a.caFile, "cert": server.certFile, "key": server.keyFile, "ownCert": client.certFile, "ownKey": client.keyFile,
		"passthrough": passthrough,
	}
	var config strings.Builder
	config.WriteString(`
server:
  listen: $listen
  basic_auth: {user_file: $inUser, password_file: $in}
  tls: {cert_file: $cert, key_file: $key}
  reload_endpoint: true
  passthrough: $passthrough
query: {follow_timeout: 1500ms, backlog_timeout: 500ms, timeout: 2s}
defaults:
  dial_timeout: 500ms
  header_timeout: 300ms
  idle_timeout: 300ms
  absent_interval: 100ms
  retry: {max: 1, min_wait: 1ms, max_wait: 2ms}
  breaker: {failures: 2, open_for: 1h}
  tls: {ca_file: $ca, cert_file: $ownCert, key_file: $ownKey}
upstreams:
`)
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		for _, way := range slices.Sorted(maps.Keys(ways)) {
			at := providers[name]
			if way == "info" {
				at = strings.Replace(at, "://", "://"+url.UserPassword(urlUser, urlPassword).String()+"@", 1)
			}
			s.hosts[name+"_"+way] = at
			fmt.Fprintf(&config, "  - {name: %s-%s, url: \"${%s_%s}\", %s}\n", name, way, name, way, ways[way])
		}
	}
	s.daemon = launch(t, configFile(t, config.String(), s.hosts), "https", &http.Transport{TLSClientConfig: a.client()})
	return s
}

// request asks as a client that has secrets of its own, and keeps what comes of it.
func (s *secretive) request(method, path string, header http.Header) int {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(`{"secret":"`+bodySecret+`"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodGet {
		req.Body, req.ContentLength = nil, 0
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Cookie", "session="+cookie)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	s.hearAnswer(s.t, method+" "+path[:min(len(path), 20)], resp)
	return resp.StatusCode
}

// asked asks in every way there is, by those who may and those who may not.
func (s *secretive) asked() {
	s.t.Helper()
	in := authorization(basic("admin", inPassword))
	for range 4 { // the last ones meet open breakers
		s.request("GET", "/system/logs?name=fn", in)
	}
	for _, path := range []string{
		"/system/logs?name=fn&tail=5", "/system/logs?name=fn&warnings=off", "/system/logs?name=fn&follow=true", "/system/logs?name=a'b", "/metrics",
		"/system/functions?token=" + queryToken, "/healthz?token=" + queryToken, "/readyz", "/-/reload",
	} {
		s.request("GET", path, in)
		s.request("POST", path, in)
	}
	for _, value := range []string{basic("admin", wrongPassword), "Bearer " + wrongPassword, "Basic " + wrongPassword, "Digest " + wrongPassword} {
		if got := s.request("GET", "/system/logs?name=fn&token="+queryToken, authorization(value)); got != http.StatusUnauthorized {
			s.t.Errorf("status %d, want 401", got)
		}
	}
	s.request("GET", "/metrics", in)
}

// ended stops the process and looks at all that it said.
func (s *secretive) ended(words ...string) {
	s.t.Helper()
	syscall.Kill(s.pid, syscall.SIGTERM)
	s.exit()
	s.hear("stdout", []byte(s.stdout.String()))
	s.hear("stderr", []byte(s.stderr.String()))
	s.check(s.t, s.secrets, words)
}

// TestSecretsWhereUpstreamsFail has upstreams fail in every way while everything has secrets.
func TestSecretsWhereUpstreamsFail(t *testing.T) {
	t.Parallel()
	elsewhere, others := recorded(t, answers(smallLine))
	asked := map[string]*sample.Recorder{}
	recorded := func(name string, h http.Handler) string {
		at, r := recorded(t, h)
		asked[name] = r
		return at
	}
	a := newAuthority(t) // which nobody trusts
	s := startSecretive(t, down(t), map[string]string{
		"dial":      down(t),
		"dns":       "http://nowhere.invalid:8080",
		"addresses": "dns+http://nowhere.invalid:8080",
		"tls":       rawTLS(t, a.client(a.issue(t, leaf{})), func(conn net.Conn, _ *http.Request) { gone(conn) }),
		"tls-plain": "https" + strings.TrimPrefix(elsewhere, "http"),
		"s401":      recorded("s401", sample.BasicAuth("x", "y", answers())),
		"s302":      recorded("s302", http.RedirectHandler(elsewhere+"/system/logs?name=fn&key="+queryToken, http.StatusFound)),
		"s307":      recorded("s307", http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect)),
		"s503":      recorded("s503", sample.Refuse(503, nil)(nil)),
		"s404":      recorded("s404", sample.Refuse(404, nil)(nil)),
		"login":     recorded("login", sample.HTML()(nil)),
		"mute":      recorded("mute", sample.HangBeforeHeader()(nil)),
		"stuck":     recorded("stuck", sample.HangAfter(1)(answers(smallLine))),
		"cut":       recorded("cut", sample.CutAfter(1)(answers(smallLine, smallLine))),
		"drop":      recorded("drop", sample.Drop()(nil)),
		"no-http":   raw(t, func(conn net.Conn, _ *http.Request) { io.WriteString(conn, "what do you want?\r\n\r\n") }),
		"gzip": recorded("gzip", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
		})),
	})
	s.asked()
	reasons := []string{"dial-info", "dns-token", "breaker", "tls", "auth", "status-302", "status-307", "status-503", "timeout", "truncated", "malformed", "passthrough"}
	s.ended(append(reasons, slices.Collect(maps.Keys(asked))...)...)
	for name, recorder := range asked {
		checkReached(t, name, recorder)
	}
	if n := len(others.Queries()); n > 0 {
		t.Errorf("the host that a redirect leads to was asked %d times, with %v", n, others.Headers()[0])
	}
}

// checkReached checks that the provider got the secrets, or that they are nowhere seen shows nothing.
func checkReached(t *testing.T, name string, asked *sample.Recorder) {
	t.Helper()
	got := map[string]bool{}
	for _, h := range asked.Headers() {
		got[h.Get("Authorization")+h.Get("X-Api-Key")] = true
		if h.Get("Cookie") != "" {
			t.Errorf("%s got the client's cookie", name)
		}
	}
	for _, want := range []string{basic(urlUser, urlPassword), basic("reader", outPassword), "Bearer " + token, fixedHeader, basic("admin", inPassword)} {
		if !got[want] {
			t.Errorf("%s did not get %s", name, want)
		}
	}
	if len(got) != len(ways) {
		t.Errorf("%s got %v", name, got)
	}
}

// told is what an upstream was sent, in its own words.
func told(r *http.Request) string {
	user, password, _ := r.BasicAuth()
	return fmt.Sprintf("you sent %s %s %s %s %q", r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), user, password, r.Header)
}

// repeating are heads of answers that are no HTTP, and repeat what was sent.
func repeating(t *testing.T) map[string]string {
	t.Helper()
	says := func(format string) string {
		return raw(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, format, told(r)) })
	}
	return map[string]string{
		"no-http":  says("%s\r\n\r\n"),
		"code":     says("HTTP/1.1 %s\r\n\r\n"),
		"header":   says("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		"length":   says("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
		"transfer": says("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"),
	}
}

// TestSecretsThatAnUpstreamRepeats has upstreams answer with what they were sent, wherever they can: in what logmux makes
// of it, none of it is repeated.
func TestSecretsThatAnUpstreamRepeats(t *testing.T) {
	t.Parallel()
	elsewhere, others := recorded(t, answers(smallLine))
	refuse := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", told(r))
			w.Header().Set("X-Logmux-Failed", told(r))
			http.Error(w, told(r), status)
		}
	}
	providers := map[string]string{
		"s400": serve(t, refuse(400)), "s401": serve(t, refuse(401)), "s403": serve(t, refuse(403)), "s500": serve(t, refuse(500)), "s503": serve(t, refuse(503)),
		"s302": serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere+"/?key="+url.QueryEscape(told(r)), http.StatusFound)
		})),
		"status":   raw(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "HTTP/1.1 500 %s\r\n\r\n%s", told(r), told(r)) }),
		"encoding": serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Encoding", told(r)) })),
		"trailer":  raw(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "%s0\r\n%s\r\n\r\n", chunkedHead, told(r)) }),
		"chunk":    raw(t, func(conn net.Conn, r *http.Request) { fmt.Fprintf(conn, "%s%s\r\n\r\n", chunkedHead, told(r)) }),
	}
	maps.Copy(providers, repeating(t))
	s := startSecretive(t, down(t), providers)
	s.asked()
	s.ended("s500-info", "status-500", "status-302", "malformed", "auth")
	if n := len(others.Queries()); n > 0 {
		t.Errorf("the host that a redirect leads to was asked %d times", n)
	}
}

// TestSecretsThatAProviderRepeats is the same of the one provider that a sidecar is in front of.
func TestSecretsThatAProviderRepeats(t *testing.T) {
	for name, provider := range repeating(t) {
		t.Run(name, func(t *testing.T) {
			s := startSecretive(t, provider, map[string]string{"good": serve(t, answers(smallLine))})
			for _, method := range []string{"GET", "POST", "DELETE"} {
				if got := s.request(method, "/system/functions?token="+queryToken, authorization(basic("admin", inPassword))); got != http.StatusBadGateway {
					t.Errorf("%s: status %d, want 502", method, got)
				}
			}
			s.ended("passthrough")
		})
	}
}

// TestSecretsInWrongConfigs has files that cannot be taken, with secrets where they belong and where they do not.
func TestSecretsInWrongConfigs(t *testing.T) {
	s := startSecretive(t, down(t), map[string]string{"good": serve(t, answers(smallLine))})
	right, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	twoLines := secretFile(t, token+"\n"+brokenSecret)
	noKey := secretFile(t, "-----BEGIN PRIVATE KEY-----\n"+base64.StdEncoding.EncodeToString([]byte(brokenSecret))+"\n-----END PRIVATE KEY-----")
	colon := secretFile(t, brokenSecret+":"+brokenSecret)
	in := authorization(basic("admin", inPassword))
	for _, wrong := range []string{
		"url: 'http://u:" + brokenSecret + "@host:99999'",
		"url: 'http://u:" + brokenSecret + "@host:port'",
		"url: 'http://u:" + brokenSecret + "@ho st'",
		"url: 'http://u:" + brokenSecret + "%zz@host'",
		"url: 'http://u:" + brokenSecret + "/x@host'",
		"url: 'ftp://u:" + brokenSecret + "@host'",
		"url: 'http://u:" + brokenSecret + "@'",
		"url: 'http://u:" + brokenSecret + "@host/?q'",
		"url: 'http://u:" + brokenSecret + "@host/#f'",
		"url: 'http://u:" + brokenSecret + "@host/system/logs'",
		"url: 'dns+http://u:" + brokenSecret + "@127.0.0.1:1'",
		"url: 'http://u:" + brokenSecret + "@host', auth: {token_file: $token}",
		"url: 'http://u:" + brokenSecret + "@host', headers: {Authorization: " + brokenSecret + "}",
		"url: {" + brokenSecret + ": x}",
		"url: [" + brokenSecret + "]",
		"url: 'http://u:" + brokenSecret + "@host'\n    unfinished",
		"url: \"http://u:" + brokenSecret + "@host",
		"url: 'http://u:" + brokenSecret + "@host', url: 'http://u:" + brokenSecret + "@host'",
		"url: http://u:*" + brokenSecret + "@host, x: *" + brokenSecret,
		"url: http://h, headers: {X-Key: \"" + brokenSecret + "\\r\\n\"}",
		"url: http://h, headers: {X-Key: [" + brokenSecret + "]}",
		"url: http://h, headers: " + brokenSecret,
		"url: http://h, headers: {Host: " + brokenSecret + "}",
		"url: http://h, headers: {X-Key: a, X-Key: " + brokenSecret + "}",
		"url: http://h, auth: " + brokenSecret,
		"url: http://h, auth: {token: " + brokenSecret + "}",
		"url: http://h, auth: {token_file: " + brokenSecret + "}",
		"url: http://h, auth: {token_file: \"" + brokenSecret + "\\nsecond line\"}",
		"url: http://h, auth: {user_file: " + brokenSecret + ", password_file: " + brokenSecret + "}",
		"url: http://h, auth: {token_file: " + twoLines + "}",
		"url: http://h, auth: {user_file: " + colon + ", password_file: " + colon + "}",
		"url: https://h, tls: {cert_file: $cert, key_file: " + noKey + "}",
		"url: https://h, tls: {cert_file: $key, key_file: $cert}",
		"url: https://h, tls: {cert_file: $cert, key_file: $ownKey}",
		"url: https://h, tls: {ca_file: $key}",
		"url: https://h, tls: {ca_file: \"-----BEGIN PRIVATE KEY-----\\n" + brokenSecret + "\"}",
	} {
		wrong = os.Expand(wrong, func(name string) string { return s.hosts[name] })
		write(t, s.file, string(right)+"  - {name: wrong, "+wrong+"}\n")
		if got := s.request("POST", "/-/reload", in); got != http.StatusInternalServerError {
			t.Errorf("%s: status %d, want 500", wrong, got)
		}
		s.request("GET", "/metrics", in)
	}
	for _, wrong := range []string{
		"passthrough: http://u:" + brokenSecret + "@host", "basic_auth: {user_file: " + brokenSecret + ", password_file: " + brokenSecret + "}",
		"basic_auth: {password_file: " + twoLines + "}", "tls: {cert_file: $cert, key_file: " + noKey + "}", "tls: {key_file: $key}",
	} {
		key, _, _ := strings.Cut(wrong, ":")
		var kept []string
		for line := range strings.Lines(string(right)) {
			if !strings.HasPrefix(line, "  "+key+":") {
				kept = append(kept, line)
			}
		}
		wrong = os.Expand(wrong, func(name string) string { return s.hosts[name] })
		write(t, s.file, strings.Replace(strings.Join(kept, ""), "server:\n", "server:\n  "+wrong+"\n", 1))
		if got := s.request("POST", "/-/reload", in); got != http.StatusInternalServerError {
			t.Errorf("%s: status %d, want 500", wrong, got)
		}
	}

	// The secrets' own files go wrong, too. What was good is used on.
	write(t, s.file, string(right))
	for _, name := range []string{"token", "password", "key", "ownKey", "ca", "in"} {
		good, err := os.ReadFile(s.hosts[name])
		if err != nil {
			t.Fatal(err)
		}
		replace(t, s.hosts[name], strings.TrimSpace(string(good))+"\n"+brokenSecret+"\n")
		if name == "in" {
			replace(t, s.hosts[name], "")
		}
		for deadline := time.Now().Add(150 * time.Millisecond); time.Now().Before(deadline); {
			s.client.CloseIdleConnections()
			s.request("GET", "/system/logs?name=small", in)
		}
		s.request("POST", "/-/reload", in)
		replace(t, s.hosts[name], string(good))
	}
	s.ended("upstreams[5]", "token_file", "key_file", "passthrough", "user info")
}
