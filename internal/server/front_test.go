package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An authority issues certificates for 127.0.0.1.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true}
	a.cert = a.sign(a.cert, a.key)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	template.NotAfter = time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *authority) issue() tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	cert := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func given(config *tls.Config) func() (*tls.Config, error) {
	return func() (*tls.Config, error) { return config, nil }
}

// secure is a config of a server, which asks clients for a certificate of the
// authority if there is one.
func (a *authority) secure(clients *authority) *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{a.issue()}}
	if clients != nil {
		config.ClientCAs, config.ClientAuth = clients.pool, tls.RequireAndVerifyClientCert
	}
	return config
}

// over makes the daemon's client speak TLS.
func (d *daemon) over(config *tls.Config) {
	d.client.CloseIdleConnections()
	d.client.Transport = &http.Transport{TLSClientConfig: config}
	d.url = "https://" + d.address
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	for _, tt := range []struct {
		name           string
		server, client *tls.Config
		err            string // of the client
	}{
		{"without client certificates", ours.secure(nil), &tls.Config{RootCAs: ours.pool}, ""},
		{"TLS 1.2", ours.secure(nil), &tls.Config{RootCAs: ours.pool, MaxVersion: tls.VersionTLS12}, ""},
		{"TLS 1.1", ours.secure(nil), &tls.Config{RootCAs: ours.pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "protocol version"},
		{"HTTP/2 as well", ours.secure(nil), &tls.Config{RootCAs: ours.pool, NextProtos: []string{"h2", "http/1.1"}}, ""},
		{"HTTP/2 only", ours.secure(nil), &tls.Config{RootCAs: ours.pool, NextProtos: []string{"h2"}}, "no application protocol"},
		{"a client's certificate", ours.secure(theirs), &tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{theirs.issue()}}, ""},
		{"no client's certificate", ours.secure(theirs), &tls.Config{RootCAs: ours.pool}, "certificate required"},
		{"another one's certificate", ours.secure(theirs), &tls.Config{RootCAs: ours.pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert := ours.issue()
			return &cert, nil
		}}, "unknown certificate authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := start(t, &Site{TLS: given(tt.server), Logs: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, r.Proto, " ", r.TLS != nil)
			})})
			d.over(tt.client)
			got := d.get(logsPath)
			if tt.err != "" {
				if got.err == nil || !strings.Contains(got.err.Error(), tt.err) {
					t.Errorf("got %+v, want error %q", got, tt.err)
				}
				return
			}
			if got.err != nil || got.code != 200 || got.body != "HTTP/1.1 true" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPlainHTTPToTLS(t *testing.T) {
	d := start(t, &Site{TLS: given(newAuthority(t).secure(nil)), Logs: answer("logs")})
	if got := d.get(logsPath); got.code != http.StatusBadRequest {
		t.Errorf("got %+v, want 400", got)
	}
}

// TLS sessions are resumed, which takes one config for all connections.
func TestTLSIsResumed(t *testing.T) {
	ca := newAuthority(t)
	d := start(t, &Site{TLS: given(ca.secure(nil)), Logs: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.DidResume)
	})})
	d.over(&tls.Config{RootCAs: ca.pool, ClientSessionCache: tls.NewLRUClientSessionCache(1)})
	for _, want := range []string{"false", "true"} {
		if got := d.get(logsPath); got.err != nil || got.body != want {
			t.Errorf("got %+v, want %s", got, want)
		}
		d.client.CloseIdleConnections()
	}
}

// A connection that was made before there was TLS must not be a way around it.
func TestTLSThatIsSwitchedOn(t *testing.T) {
	ca := newAuthority(t)
	logs, taken, letGo := hanging()
	defer letGo()
	d := start(t, &Site{Logs: logs, Passthrough: answer("plain")})

	running, idle, fresh := d.dial(), d.dial(), d.dial()
	inRunning, inIdle, inFresh := bufio.NewReader(running), bufio.NewReader(idle), bufio.NewReader(fresh)
	ask := func(conn net.Conn, path string) { fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: logmux\r\n\r\n", path) }
	wants := func(what string, in *bufio.Reader, code int, body string) {
		t.Helper()
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != code || string(got) != body {
			t.Errorf("%s: got %d %q, %v", what, resp.StatusCode, got, err)
		}
	}
	ended := func(what string, in *bufio.Reader) {
		t.Helper()
		if b, err := in.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %q, %v, want EOF", what, b, err)
		}
	}
	ask(idle, "/")
	wants("before", inIdle, 200, "plain")
	eventually(t, "it is idle, and the other ones new", func() bool {
		states := map[http.ConnState]int{}
		d.conns.mu.Lock()
		defer d.conns.mu.Unlock()
		for _, state := range d.conns.open {
			states[state]++
		}
		return states[http.StateIdle] == 1 && states[http.StateNew] == 2
	})
	ask(running, logsPath)
	within(t, taken)
	d.Swap(&Site{TLS: given(ca.secure(nil)), Logs: answer("secret")})

	ended("the idle one", inIdle)
	ask(fresh, logsPath)
	wants("one that said nothing before", inFresh, 400, "only HTTPS is served here\n")
	ended("one that said nothing before", inFresh)
	letGo()
	wants("one with a request under way", inRunning, 200, "complete")
	ended("one with a request under way", inRunning)
	d.over(&tls.Config{RootCAs: ca.pool})
	if got := d.get(logsPath); got.body != "secret" {
		t.Errorf("over TLS: got %+v", got)
	}
	d.Swap(&Site{Logs: answer("open")})
	d.url = "http://" + d.address
	if got := d.get(logsPath); got.body != "open" {
		t.Errorf("switched off: got %+v", got)
	}
}

// Without TLS, connections go on from one site to the next.
func TestConnectionsOutliveASwap(t *testing.T) {
	remote := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) })
	d := start(t, &Site{Logs: remote})
	before := d.get(logsPath)
	d.Swap(&Site{Logs: remote})
	if after := d.get(logsPath); after.err != nil || after.body != before.body {
		t.Errorf("got %+v, want %q", after, before.body)
	}
}

func TestTLSThatFails(t *testing.T) {
	var log journal
	d := startServer(t, &Server{Logger: log.logger()}, &Site{
		TLS:  func() (*tls.Config, error) { return nil, errors.New("tls.key: not readable") },
		Logs: answer("logs"),
	})
	for range 3 {
		if n, err := d.dial().Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
	}
	if n := strings.Count(log.String(), "tls.key: not readable"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &log)
	}
	d.Swap(&Site{Logs: answer("logs")})
	if got := d.get(logsPath); got.code != 200 {
		t.Errorf("got %+v", got)
	}
}

// Clients that do not finish their handshake are cut off, and are in nobody's
// way until then.
func TestAHandshakeThatNeverEnds(t *testing.T) {
	ca := newAuthority(t)
	const timeout = 300 * time.Millisecond
	d := startServer(t, &Server{headerTimeout: timeout}, &Site{TLS: given(ca.secure(nil)), Logs: answer("logs")})
	begin := time.Now()
	silent, half := d.dial(), d.dial()
	half.Write([]byte{22, 3, 1, 2, 0}) // of a hello of 512 bytes
	d.over(&tls.Config{RootCAs: ca.pool})
	if got := d.get(logsPath); got.code != 200 {
		t.Errorf("another client: got %+v", got)
	}
	for _, conn := range []net.Conn{silent, half} {
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	if took := time.Since(begin); took < timeout || took > soon/2 {
		t.Errorf("cut off after %v", took)
	}
}

// Checks of load balancers connect and leave; that is not worth a line each.
func TestAConnectionWithoutAHandshakeIsNotLogged(t *testing.T) {
	var log journal
	d := startServer(t, &Server{Logger: log.logger()}, &Site{TLS: given(newAuthority(t).secure(nil)), Logs: answer("logs")})
	d.dial().Close()
	conn := d.dial()
	io.WriteString(conn, "this is no hello")
	eventually(t, "one that says something wrong is logged", func() bool { return strings.Contains(log.String(), "handshake error") })
	if strings.Contains(log.String(), "EOF") {
		t.Errorf("logged:\n%s", &log)
	}
}
