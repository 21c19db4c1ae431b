package e2e_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// soonRead is how soon a file that has changed is read again, and some patience with a machine that is busy.
const soonRead = time.Second + 500*time.Millisecond

// secretFile holds a secret as an editor would leave it.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, text+"\n")
	return file
}

// replace puts a file in another's place, as the kubelet does, so that it is never half there.
func replace(t *testing.T, file, text string) {
	t.Helper()
	write(t, file+".next", text)
	if err := os.Rename(file+".next", file); err != nil {
		t.Fatal(err)
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func authorization(value string) http.Header {
	if value == "" {
		return nil
	}
	return http.Header{"Authorization": {value}}
}

// answerTo is the answer to a request with this Authorization, and its status.
func (d *daemon) answerTo(method, path, value string) answer {
	d.t.Helper()
	got, err := d.fetch(method, path, authorization(value))
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

func TestBasicAuth(t *testing.T) {
	user, password := secretFile(t, "admin"), secretFile(t, "pass:word 1")
	provider := serve(t, answers(smallLine))
	logmux := start(t, `
server: {listen: $listen, basic_auth: {user_file: $user, password_file: $password}, reload_endpoint: true, passthrough: $one}
upstreams: [{name: one, url: $one}]
`, hosts{"user": user, "password": password, "one": provider})
	closed := []struct{ method, path string }{
		{"GET", "/system/logs?name=small"}, {"GET", "/system/logs?name=small&follow=true"}, {"POST", "/system/logs"}, {"GET", "/metrics"},
		{"POST", "/-/reload"}, {"GET", "/-/reload"}, {"GET", "/system/functions"}, {"POST", "/function/x"}, {"GET", "//healthz"}, {"GET", "/healthz/"},
		{"GET", "/"}, {"OPTIONS", "/system/logs"},
	}
	for _, tt := range []struct {
		name, value string
		in          bool
	}{
		{"nothing", "", false},
		{"the right ones", basic("admin", "pass:word 1"), true},
		{"another user", basic("root", "pass:word 1"), false},
		{"no user", basic("", "pass:word 1"), false},
		{"another password", basic("admin", "pass:word 2"), false},
		{"a part of the password", basic("admin", "pass:word"), false},
		{"no password", basic("admin", ""), false},
		{"with the file's newline", basic("admin", "pass:word 1\n"), false},
		{"another case", basic("admin", "PASS:WORD 1"), false},
		{"a bearer", "Bearer " + base64.StdEncoding.EncodeToString([]byte("admin:pass:word 1")), false},
		{"not encoded", "Basic admin:pass:word 1", false},
		{"faas-cli without a login", "Bearer ", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logmux := logmux.of(t)
			for _, ask := range closed {
				if strings.Contains(ask.path, "follow") && tt.in {
					continue // it would go on
				}
				got := logmux.answerTo(ask.method, ask.path, tt.value)
				if in := got.status != http.StatusUnauthorized; in != tt.in {
					t.Errorf("%s %s: status %d", ask.method, ask.path, got.status)
				}
				if challenge := got.header.Get("WWW-Authenticate"); !tt.in && challenge != `Basic realm="Restricted"` {
					t.Errorf("%s %s: WWW-Authenticate %q", ask.method, ask.path, challenge)
				}
				if !tt.in && strings.Contains(got.body, "small") {
					t.Errorf("%s %s: %q", ask.method, ask.path, got.body)
				}
			}
			for _, path := range []string{"/healthz", "/readyz"} {
				for _, method := range []string{"GET", "HEAD"} {
					if got := logmux.answerTo(method, path, tt.value); got.status != http.StatusOK {
						t.Errorf("%s %s: status %d", method, path, got.status)
					}
				}
			}
		})
	}
	if got := logmux.answerTo("GET", "/system/logs?name=small", basic("admin", "pass:word 1")); got.status != http.StatusOK || got.body != smallLine {
		t.Errorf("status %d, body %q", got.status, got.body)
	}
}

// TestBasicAuthChanges has the files change under way: in place, by another file in their place, and for a while to nothing.
func TestBasicAuthChanges(t *testing.T) {
	t.Parallel()
	user, password := secretFile(t, "admin"), secretFile(t, "first")
	logmux := start(t, `
server: {listen: $listen, basic_auth: {user_file: $user, password_file: $password}}
upstreams: [{name: one, url: $one}]
`, hosts{"user": user, "password": password, "one": serve(t, answers(smallLine))})
	status := func(user, password string) int {
		return logmux.answerTo("GET", "/system/logs?name=small", basic(user, password)).status
	}
	if got := status("admin", "first"); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	before := [2]string{"admin", "first"}
	for _, step := range []struct {
		name           string
		change         func()
		user, password string
	}{
		{"written", func() { write(t, password, "other") }, "admin", "other"},       // of the same length
		{"written again", func() { write(t, password, "third") }, "admin", "third"}, // and in the same tick of a coarse clock, perhaps
		{"replaced", func() { replace(t, password, "fourth") }, "admin", "fourth"},  // as a rotation does
		{"both", func() { replace(t, user, "root"); replace(t, password, "fifth") }, "root", "fifth"},
		{"gone, and back", func() {
			os.Remove(password)
			for deadline := time.Now().Add(300 * time.Millisecond); time.Now().Before(deadline); {
				if got := status("root", "fifth"); got != http.StatusOK {
					t.Errorf("without the file: status %d, want that of the last good one", got)
				}
				if got := status("root", ""); got != http.StatusUnauthorized {
					t.Errorf("without the file and a password: status %d", got)
				}
			}
			write(t, password, "sixth")
		}, "root", "sixth"},
	} {
		step.change()
		begin := time.Now()
		eventually(t, step.name, func() bool { return status(step.user, step.password) == http.StatusOK })
		if took := time.Since(begin); took > soonRead {
			t.Errorf("%s: in use after %v", step.name, took)
		}
		if got := status(before[0], before[1]); got != http.StatusUnauthorized {
			t.Errorf("%s: the old password still opens: %d", step.name, got)
		}
		before = [2]string{step.user, step.password}
	}
}

// TestTLS has clients come by HTTPS, with a certificate or without.
func TestTLS(t *testing.T) {
	server, clients, other := newAuthority(t), newAuthority(t), newAuthority(t)
	cert := server.issue(t, leaf{})
	const config = `
server: {listen: $listen, tls: {cert_file: $cert, key_file: $key, client_ca_file: $ca}, reload_endpoint: true}
upstreams: [{name: one, url: $one}]
`
	to := hosts{"cert": cert.certFile, "key": cert.keyFile, "ca": "''", "one": serve(t, answers(smallLine))}
	known := clients.issue(t, leaf{})
	anyone := launch(t, configFile(t, config, to), "https", &http.Transport{TLSClientConfig: server.client()})
	to["ca"] = clients.caFile
	closed := launch(t, configFile(t, config, to), "https", &http.Transport{TLSClientConfig: server.client(known)})
	old := server.client()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for _, tt := range []struct {
		name   string
		to     *daemon
		client *tls.Config // nil for plain HTTP
		want   int         // 0 for none
	}{
		{"a client that trusts it", anyone, server.client(), 200},
		{"a client that does not", anyone, other.client(), 0},
		{"a client with a certificate nobody asked for", anyone, server.client(known), 200},
		{"a client of old TLS", anyone, old, 0},
		{"plain HTTP", anyone, nil, 400},
		{"a known client", closed, server.client(known), 200},
		{"a client without a certificate", closed, server.client(), 0},
		{"a client of another authority", closed, server.client(other.issue(t, leaf{})), 0},
		{"a client of the server's authority", closed, server.client(server.issue(t, leaf{})), 0},
		{"a client whose certificate has expired", closed, server.client(clients.issue(t, leaf{expired: true})), 0},
		{"plain HTTP where a certificate is wanted", closed, nil, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transport := &http.Transport{TLSClientConfig: tt.client, DisableKeepAlives: true}
			client := *tt.to.of(t)
			client.client = &http.Client{Transport: transport, Timeout: patience}
			if tt.client == nil {
				client.url = "http" + strings.TrimPrefix(client.url, "https")
			}
			for _, path := range []string{"/system/logs?name=small", "/healthz", "/metrics"} {
				if got := client.status(path); got != tt.want {
					t.Errorf("%s: status %d, want %d", path, got, tt.want)
				}
			}
			if tt.want == 200 {
				client.ask("name=small").ok().silent().has([]string{smallLine})
			}
		})
	}
}

// TestTLSRotation has the certificate change on disk: connections that stand go on, the next one gets the new one.
func TestTLSRotation(t *testing.T) {
	t.Parallel()
	server, later, clients := newAuthority(t), newAuthority(t), newAuthority(t)
	cert := server.issue(t, leaf{})
	ca := secretFile(t, "") // a copy, which changes
	read, err := os.ReadFile(clients.caFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, ca, string(read))
	standing := &http.Transport{TLSClientConfig: server.client(clients.issue(t, leaf{}))}
	logmux := launch(t, configFile(t, `
server: {listen: $listen, tls: {cert_file: $cert, key_file: $key, client_ca_file: $ca}}
upstreams: [{name: one, url: $one}]
`, hosts{"cert": cert.certFile, "key": cert.keyFile, "ca": ca, "one": serve(t, answers(smallLine))}), "https", standing)

	fresh := func(config *tls.Config) *daemon {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0) // what is resumed must be as good as what is new
		d := *logmux
		d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: patience}
		return &d
	}
	oldTrust, newTrust := fresh(server.client(clients.issue(t, leaf{}))), fresh(later.client(clients.issue(t, leaf{})))
	for range 3 {
		next := later.issue(t, leaf{})
		write(t, cert.certFile, next.certPEM) // for a moment without its key
		for deadline := time.Now().Add(250 * time.Millisecond); time.Now().Before(deadline); {
			if oldTrust.status("/healthz") != http.StatusOK {
				t.Error("half of a new certificate ends the use of the old one")
			}
		}
		write(t, cert.keyFile, next.keyPEM)
		begin := time.Now()
		eventually(t, "the new certificate is in use", func() bool { return newTrust.status("/healthz") == http.StatusOK })
		if took := time.Since(begin); took > soonRead {
			t.Errorf("it is in use after %v", took)
		}
		if oldTrust.status("/healthz") != 0 {
			t.Error("the old certificate is still in use")
		}
		logmux.ask("name=small").ok().silent().has([]string{smallLine}) // by the connection that stands
		oldTrust, newTrust, server, later = newTrust, oldTrust, later, server
	}

	// The authority of the clients changes, too: those of the old one are not let in any more.
	strangers := newAuthority(t)
	read, err = os.ReadFile(strangers.caFile)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, ca, string(read))
	stranger := fresh(server.client(strangers.issue(t, leaf{})))
	eventually(t, "the new clients are let in", func() bool { return stranger.status("/healthz") == http.StatusOK })
	if oldTrust.status("/healthz") != 0 {
		t.Error("the old clients are still let in")
	}
}

// ofClients are headers that a client, or the gateway before it, may send.
func ofClients() http.Header {
	return http.Header{
		"Authorization":           {basic("gateway", "of the gateway")},
		"Proxy-Authorization":     {"Basic abc"},
		"Cookie":                  {"session=1"},
		"User-Agent":              {"a client"},
		"Accept":                  {"text/csv"},
		"Accept-Encoding":         {"gzip"},
		"Origin":                  {"http://page.example"},
		"Referer":                 {"http://page.example/?token=1"},
		"Range":                   {"bytes=0-1"},
		"If-None-Match":           {`"x"`},
		"X-Api-Key":               {"of the client"},
		"X-Fixed":                 {"not what the config says"},
		"X-Forwarded-For":         {"10.1.2.3"},
		"X-Forwarded-Host":        {"gateway"},
		"X-Forwarded-User":        {"somebody"},
		"X-Real-Ip":               {"10.1.2.3"},
		"X-Logmux-Header-Timeout": {"9s"},
		"X-Logmux-Something":      {"else"},
		"X-Call-Id":               {"call-1"},
		"Traceparent":             {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"Tracestate":              {"a=b"},
	}
}

// TestAuthAtUpstreams looks at every header that reaches the upstreams: what the config says, and nothing of the client's.
func TestAuthAtUpstreams(t *testing.T) {
	user, password, token := secretFile(t, "reader"), secretFile(t, "pass word"), secretFile(t, "token-1")
	to := hosts{"user": user, "password": password, "token": token}
	asked := map[string]*sample.Recorder{}
	for _, name := range []string{"none", "basic", "bearer", "forward", "fixed", "key"} {
		to[name], asked[name] = recorded(t, answers(smallLine))
	}
	to["info"], asked["info"] = recorded(t, answers(smallLine))
	to["info"] = strings.Replace(to["info"], "http://", "http://us%2Fer:p%40ss@", 1)
	logmux := start(t, `
upstreams:
  - {name: none, url: $none}
  - {name: basic, url: $basic, auth: {user_file: $user, password_file: $password}}
  - {name: bearer, url: $bearer, auth: {token_file: $token}}
  - {name: forward, url: $forward, auth: {forward: true}}
  - {name: fixed, url: $fixed, headers: {x-fixed: a value, User-Agent: own}}
  - {name: key, url: $key, headers: {Authorization: Key 1}}
  - {name: info, url: "$info"}
`, to)
	const theClients = "the client's"
	want := map[string]string{
		"none": "", "basic": basic("reader", "pass word"), "bearer": "Bearer token-1", "forward": theClients,
		"fixed": "", "key": "Key 1", "info": basic("us/er", "p@ss"),
	}
	for _, query := range []string{"name=small", "name=small&tail=5", "name=small&follow=true"} {
		for _, sent := range []string{basic("gateway", "of the gateway"), "Bearer", ""} {
			t.Run(query+" with "+sent, func(t *testing.T) {
				header := ofClients()
				header.Del("Authorization")
				maps.Copy(header, authorization(sent))
				header.Set("X-Call-Id", t.Name()) // a follow of the last one may still be asking
				logmux.of(t).askWith(query, header)
				for name, r := range asked {
					headers := slices.DeleteFunc(r.Headers(), func(h http.Header) bool { return h.Get("X-Call-Id") != t.Name() })
					if len(headers) == 0 {
						t.Errorf("%s was not asked", name)
					}
					for _, got := range headers {
						want := authorization(strings.Replace(want[name], theClients, sent, 1))
						checkHeader(t, name, got, want)
					}
				}
			})
		}
	}

	// A token that changes is in use within a second, without any reload.
	replace(t, token, "token-2\n")
	begin := time.Now()
	eventually(t, "the new token is in use", func() bool {
		logmux.ask("name=small").ok().silent()
		headers := asked["bearer"].Headers()
		return headers[len(headers)-1].Get("Authorization") == "Bearer token-2"
	})
	if took := time.Since(begin); took > soonRead {
		t.Errorf("it is in use after %v", took)
	}
	write(t, token, "") // half-way through being written, say
	replace(t, password, "other")
	eventually(t, "the new password is in use", func() bool {
		logmux.ask("name=small").ok().silent()
		headers := asked["basic"].Headers()
		return headers[len(headers)-1].Get("Authorization") == basic("reader", "other")
	})
	headers := asked["bearer"].Headers()
	if got := headers[len(headers)-1].Get("Authorization"); got != "Bearer token-2" {
		t.Errorf("with an empty token file: %q", got)
	}
}

// askWith asks with headers, and leaves a follow after its first line.
func (d *daemon) askWith(query string, header http.Header) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/system/logs?"+query, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header = header
	resp, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if strings.Contains(query, "follow") {
		body = io.LimitReader(body, int64(len(smallLine)*7))
	}
	if got, err := io.ReadAll(body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(got), smallLine) {
		d.t.Errorf("status %d, body %q, %v", resp.StatusCode, got, err)
	}
}

// checkHeader checks what an upstream got, field by field.
func checkHeader(t *testing.T, upstream string, got, authorization http.Header) {
	t.Helper()
	want := maps.Clone(authorization)
	if want == nil {
		want = http.Header{}
	}
	want.Set("Accept-Encoding", "identity")
	want.Set("User-Agent", "logmux")
	want.Set("X-Call-Id", t.Name())
	for _, traced := range []string{"Traceparent", "Tracestate"} {
		want[traced] = ofClients()[traced]
	}
	if upstream == "fixed" {
		want.Set("X-Fixed", "a value")
		want.Set("User-Agent", "own")
	}
	for field, values := range got {
		switch field {
		case "Via":
			if len(values) != 1 || !strings.HasPrefix(values[0], "1.1 logmux-") || strings.Contains(values[0], ",") {
				t.Errorf("%s got Via %q", upstream, values)
			}
		case "X-Logmux-Header-Timeout", "X-Logmux-Timeout":
			if _, err := time.ParseDuration(values[0]); err != nil || len(values) != 1 {
				t.Errorf("%s got %s: %q", upstream, field, values)
			}
		default:
			if !slices.Equal(values, want[field]) {
				t.Errorf("%s got %s: %q, want %q", upstream, field, values, want[field])
			}
		}
	}
	for field, values := range want {
		if !slices.Equal(values, got[field]) {
			t.Errorf("%s got %s: %q, want %q", upstream, field, got[field], values)
		}
	}
	if got.Get("Via") == "" {
		t.Errorf("%s got no Via", upstream)
	}
}

// serveTLS is serve by HTTPS.
func serveTLS(t *testing.T, config *tls.Config, provider http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(provider)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// TestTLSAtUpstreams is whom logmux trusts, and who it says it is.
func TestTLSAtUpstreams(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	us, stranger := ours.issue(t, leaf{}), other.issue(t, leaf{})
	at := func(l leaf, clientCAs *authority) string {
		config := &tls.Config{Certificates: []tls.Certificate{ours.issue(t, l).pair}}
		if clientCAs != nil {
			config.ClientCAs, config.ClientAuth = clientCAs.pool(), tls.RequireAndVerifyClientCert
		}
		return serveTLS(t, config, answers(smallLine))
	}
	here, named, late, strict := at(leaf{}, nil), at(leaf{name: "faas.example"}, nil), at(leaf{expired: true}, nil), at(leaf{}, ours)
	plain := serve(t, answers(smallLine))
	const ca = "ca_file: $ours"
	for _, tt := range []struct {
		name, url, tls, reason string
	}{
		{"an authority that is known", here, ca, ""},
		{"an authority that is not", here, "", "tls"},
		{"another authority", here, "ca_file: $other", "tls"},
		{"anyone", here, "insecure_skip_verify: true", ""},
		{"another name", named, ca, "tls"},
		{"another name, as expected", named, ca + ", server_name: faas.example", ""},
		{"another name than expected", named, ca + ", server_name: example.org", "tls"},
		{"expired", late, ca, "tls"},
		{"plain HTTP", "https" + strings.TrimPrefix(plain, "http"), ca, "tls"},
		{"a client's certificate", strict, ca + ", cert_file: $cert, key_file: $key", ""},
		{"no client's certificate", strict, ca, "tls"},
		{"a client's certificate of another authority", strict, ca + ", cert_file: $strangeCert, key_file: $strangeKey", "tls"},
		{"a client's certificate that is not asked for", here, ca + ", cert_file: $cert, key_file: $key", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logmux := start(t, fmt.Sprintf(`
defaults: {retry: {max: 1, min_wait: 1ms, max_wait: 2ms}}
upstreams: [{name: good, url: $plain}, {name: tls, url: $url, tls: {%s}}]
`, tt.tls), hosts{
				"plain": plain, "url": tt.url, "ours": ours.caFile, "other": other.caFile,
				"cert": us.certFile, "key": us.keyFile, "strangeCert": stranger.certFile, "strangeKey": stranger.keyFile,
			})
			for range 3 {
				got := logmux.ask("name=small").ok()
				if tt.reason == "" {
					got.silent().says("Ok", "good,tls").has([]string{smallLine, smallLine})
				} else {
					got.says("Ok", "good").says("Failed", "tls="+tt.reason).warns([]string{"tls failed: " + tt.reason, "missing"}).has([]string{smallLine})
				}
			}
		})
	}
}

// TestTLSAtUpstreamsChanges has the files of an upstream's TLS change: the next connection is by the new ones.
func TestTLSAtUpstreamsChanges(t *testing.T) {
	t.Parallel()
	ours, later := newAuthority(t), newAuthority(t)
	us := ours.issue(t, leaf{})
	ca := secretFile(t, "")
	read, err := os.ReadFile(ours.caFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, ca, string(read))
	// The provider of the later authority is there from the start.
	first := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ours.issue(t, leaf{}).pair}, ClientCAs: ours.pool(), ClientAuth: tls.RequireAndVerifyClientCert}, hangUp(answers(smallLine)))
	then := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{later.issue(t, leaf{}).pair}, ClientCAs: later.pool(), ClientAuth: tls.RequireAndVerifyClientCert}, hangUp(answers(smallLine)))
	logmux := start(t, `
defaults: {tls: {ca_file: $ca, cert_file: $cert, key_file: $key}, retry: {max: 0}, breaker: {failures: 0}}
upstreams: [{name: first, url: $first}, {name: later, url: $later}]
`, hosts{"ca": ca, "cert": us.certFile, "key": us.keyFile, "first": first, "later": then})
	logmux.ask("name=small").ok().says("Ok", "first").says("Failed", "later=tls")
	later.issue(t, leaf{}).saveTo(t, us.certFile, us.keyFile)
	if read, err = os.ReadFile(later.caFile); err != nil {
		t.Fatal(err)
	}
	replace(t, ca, string(read))
	begin := time.Now()
	eventually(t, "the new files are in use", func() bool {
		got := logmux.ask("name=small")
		return got.status == http.StatusOK && got.header.Get("X-Logmux-Failed") == "first=tls"
	})
	if took := time.Since(begin); took > soonRead {
		t.Errorf("they are in use after %v", took)
	}
}

// hangUp closes each connection behind its first answer.
func hangUp(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		next.ServeHTTP(w, r)
	}
}
