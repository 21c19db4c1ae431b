package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

// An authority issues certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign fills in what every certificate needs. Without a certificate of its own
// the authority's key is the new one.
func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: a.t.Name()}
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	issuer, signer := template, key
	if a.cert != nil {
		issuer, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) issue(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	cert, key := a.sign(template)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// server is a certificate for these names, and 127.0.0.1.
func (a *authority) server(names ...string) tls.Certificate {
	return a.issue(&x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

// named is a server's certificate for a name alone.
func (a *authority) named(name string) tls.Certificate {
	return a.issue(&x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) client() tls.Certificate {
	return a.issue(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// newTLSServer serves over TLS, with a certificate that nobody trusts unless the
// settings have others.
func newTLSServer(t testing.TB, provider http.Handler, settings ...*tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(provider)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, s := range settings {
		server.TLS = s
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func withTLS(settings *tls.Config) option {
	return func(u *proxy.Upstream) { u.TLS = func() (*tls.Config, error) { return settings, nil } }
}

func TestTLS(t *testing.T) {
	own, other := newAuthority(t), newAuthority(t)
	const name = "logs.example.test"
	serverCert, client, strange := own.server(name), own.client(), other.client()
	expired := own.issue(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(-time.Minute)})
	mutual := func(version uint16) *tls.Config {
		return &tls.Config{
			Certificates: []tls.Certificate{serverCert}, MinVersion: version, MaxVersion: version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: own.pool(),
		}
	}
	plain := &tls.Config{Certificates: []tls.Certificate{serverCert}}
	for _, test := range []struct {
		name   string
		server *tls.Config
		client *tls.Config
		ok     bool
	}{
		{"right CA", plain, &tls.Config{RootCAs: own.pool()}, true},
		{"wrong CA", plain, &tls.Config{RootCAs: other.pool()}, false},
		{"the system's CAs", plain, &tls.Config{}, false},
		{"no settings", plain, nil, false},
		{"no verification", plain, &tls.Config{InsecureSkipVerify: true}, true},
		{"server name", plain, &tls.Config{RootCAs: own.pool(), ServerName: name}, true},
		{"wrong server name", plain, &tls.Config{RootCAs: own.pool(), ServerName: "other.example.test"}, false},
		{"expired", &tls.Config{Certificates: []tls.Certificate{expired}}, &tls.Config{RootCAs: own.pool()}, false},
		{"no common version", &tls.Config{Certificates: []tls.Certificate{serverCert}, MaxVersion: tls.VersionTLS12}, &tls.Config{RootCAs: own.pool(), MinVersion: tls.VersionTLS13}, false},
		{"client certificate, TLS 1.2", mutual(tls.VersionTLS12), &tls.Config{RootCAs: own.pool(), Certificates: []tls.Certificate{client}}, true},
		{"client certificate, TLS 1.3", mutual(tls.VersionTLS13), &tls.Config{RootCAs: own.pool(), Certificates: []tls.Certificate{client}}, true},
		{"client certificate missing, TLS 1.2", mutual(tls.VersionTLS12), &tls.Config{RootCAs: own.pool()}, false},
		{"client certificate missing, TLS 1.3", mutual(tls.VersionTLS13), &tls.Config{RootCAs: own.pool()}, false},
		{"client certificate of another CA, TLS 1.2", mutual(tls.VersionTLS12), &tls.Config{RootCAs: own.pool(), Certificates: []tls.Certificate{strange}}, false},
		{"client certificate of another CA, TLS 1.3", mutual(tls.VersionTLS13), &tls.Config{RootCAs: own.pool(), Certificates: []tls.Certificate{strange}}, false},
	} {
		for _, query := range []string{"name=fn&namespace=ns", "name=fn&namespace=ns&follow=true"} {
			t.Run(test.name+"/"+query, func(t *testing.T) {
				t.Parallel()
				asked := &sample.Recorder{Handler: answers(threeLines())}
				p := newProxy(t,
					at(t, "x", newTLSServer(t, asked, test.server).URL, withTLS(test.client), retries(2)),
					serve(t, "sound", answers()),
				)
				p.FollowTimeout = soon
				got := p.askWith(t, nil, query)
				failed := got.failed()
				if test.ok {
					if failed != "" || len(asked.Queries()) == 0 {
						t.Errorf("failed %q, asked %d times: %s", failed, len(asked.Queries()), got.body)
					}
					return
				}
				if failed != "x=tls" || len(asked.Queries()) > 0 {
					t.Errorf("failed %q, want tls; asked %d times: %s", failed, len(asked.Queries()), got.body)
				}
			})
		}
	}
}

func TestTLSSettingsThatCannotBeHad(t *testing.T) {
	asked := &sample.Recorder{Handler: answers(threeLines())}
	u := at(t, "x", newTLSServer(t, asked).URL)
	u.TLS = func() (*tls.Config, error) { return nil, errors.New("no certificate in ca.pem") }
	p := newProxy(t, u, serve(t, "sound", answers(fiveLines())))
	got := p.ask(t, "name=fn&namespace=ns")
	got.holdsLogs(t, fiveLines())
	checkWarnings(t, &got, "x=tls")
	if w := got.warnings[0].Text; got.failed() != "x=tls" || len(asked.Queries()) > 0 {
		t.Errorf("failed %q, asked %d times: %s", got.failed(), len(asked.Queries()), w)
	}
}

// A port that speaks HTTP is asked for nothing, credentials least of all.
func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	asked := &sample.Recorder{Handler: answers(threeLines())}
	u := serve(t, "x", asked)
	u.URL.Scheme = "https"
	got := newProxy(t, u).ask(t, "name=fn")
	if got.failed() != "x=tls" || len(asked.Queries()) > 0 {
		t.Errorf("failed %q, asked %d times", got.failed(), len(asked.Queries()))
	}
}

func TestTLSSettingsAreNotModified(t *testing.T) {
	own := newAuthority(t)
	given, want := &tls.Config{RootCAs: own.pool()}, &tls.Config{}
	*want = tls.Config{RootCAs: given.RootCAs}
	server := newTLSServer(t, answers(threeLines()), &tls.Config{Certificates: []tls.Certificate{own.server()}})
	p := newProxy(t, at(t, "a", server.URL, withTLS(given)), at(t, "b", server.URL, withTLS(given), inGroup("ab")), at(t, "c", server.URL, withTLS(given), inGroup("ab")))
	p.FollowTimeout = soon
	for _, query := range []string{"name=fn", "name=fn&follow=true"} {
		if got := p.askWith(t, nil, query); got.status != 200 || got.failed() != "" {
			t.Fatalf("status %d, failed %q: %s", got.status, got.failed(), got.body)
		}
	}
	if !reflect.DeepEqual(given, want) {
		t.Errorf("now %+v", given)
	}
}

// Settings are read for each connection, so that certificates can be renewed.
func TestTLSSettingsOfTheNextConnection(t *testing.T) {
	own, other := newAuthority(t), newAuthority(t)
	server := newTLSServer(t, answers(threeLines()), &tls.Config{Certificates: []tls.Certificate{own.server()}})
	var settings atomic.Pointer[tls.Config]
	u := at(t, "x", server.URL)
	u.TLS = func() (*tls.Config, error) { return settings.Load(), nil }
	p := newProxy(t, u)
	for i, step := range []struct {
		pool   *x509.CertPool
		closed bool // the connections, before
		failed string
	}{
		{other.pool(), false, "x=tls"},
		{own.pool(), false, ""},
		{other.pool(), false, ""}, // over the connection that there is
		{other.pool(), true, "x=tls"},
		{own.pool(), false, ""},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			settings.Store(&tls.Config{RootCAs: step.pool})
			if step.closed {
				p.CloseIdleConnections()
			}
			if got := p.ask(t, "name=fn"); got.failed() != step.failed {
				t.Errorf("failed %q, want %q", got.failed(), step.failed)
			}
		})
	}
}
