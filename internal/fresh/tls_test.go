package fresh

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// An authority issues certificates for "upstream", for servers and clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB) *authority {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority " + rand.Text()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, block("CERTIFICATE", der)}
}

func (a *authority) issue(t testing.TB) (certPEM, keyPEM string) {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "upstream"}, DNSNames: []string{"upstream"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// identity writes a certificate and its key.
func (a *authority) identity(t testing.TB, dir, name string) (certFile, keyFile string) {
	cert, key := a.issue(t)
	certFile, keyFile = dir+"/"+name+".crt", dir+"/"+name+".key"
	replace(t, certFile, cert)
	replace(t, keyFile, key)
	return certFile, keyFile
}

func trust(t testing.TB, dir, name string, authorities ...*authority) (caFile string) {
	var all strings.Builder
	for _, a := range authorities {
		all.WriteString(a.pem)
	}
	caFile = dir + "/" + name + ".ca"
	replace(t, caFile, all.String())
	return caFile
}

// serving is the config of a listener, which stays the same for all connections.
func serving(v *Value[*tls.Config]) *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return v.Get() }}
}

// meet lets a client listen to a server. The error is of both. They do so over
// the loopback, as in TLS 1.3 both may write at once.
func meet(t testing.TB, client, server *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error)
	go func() {
		theirs, err := listener.Accept()
		if err == nil {
			_, err = theirs.Write([]byte("."))
			theirs.Close()
		}
		served <- err
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours := tls.Client(raw, client)
	_, err = io.ReadFull(ours, make([]byte, 1)) // takes the tickets, too
	raw.Close()
	return ours.ConnectionState(), errors.Join(err, <-served)
}

func get(t testing.TB, v *Value[*tls.Config]) *tls.Config {
	t.Helper()
	config, err := v.Get()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestServerTLS(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		ca, other := newAuthority(t), newAuthority(t)
		certFile, keyFile := ca.identity(t, dir, "server")
		caFile := trust(t, dir, "clients", ca)
		client := func(a *authority) *tls.Config {
			certFile, keyFile := a.identity(t, dir, "client")
			return get(t, ClientTLS(trust(t, dir, "servers", ca), certFile, keyFile, "upstream", false))
		}
		stranger := get(t, ClientTLS(trust(t, dir, "servers", ca), "", "", "upstream", false))
		old := client(ca)
		old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11

		open, closed := serving(ServerTLS(certFile, keyFile, "")), serving(ServerTLS(certFile, keyFile, caFile))
		tests := []struct {
			name           string
			client, server *tls.Config
			ok             bool
		}{
			{"no certificate asked", stranger, open, true},
			{"certificate not asked", client(other), open, true},
			{"no certificate", stranger, closed, false},
			{"certificate", client(ca), closed, true},
			{"another CA's certificate", client(other), closed, false},
			{"TLS 1.1", old, open, false},
		}
		for _, test := range tests {
			state, err := meet(t, test.client, test.server)
			if (err == nil) != test.ok {
				t.Errorf("%s: got %v, want ok: %t", test.name, err, test.ok)
			}
			if err == nil && state.NegotiatedProtocol != "" {
				t.Errorf("%s: got protocol %q that was not offered", test.name, state.NegotiatedProtocol)
			}
		}

		offers := stranger.Clone()
		offers.NextProtos = []string{"h2", "http/1.1"}
		if state, err := meet(t, offers, open); err != nil || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("got protocol %q, %v, want http/1.1", state.NegotiatedProtocol, err)
		}
	})
}

// A certificate that is there before its key changes nothing.
func TestServerRotation(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		ca := newAuthority(t)
		certFile, keyFile := ca.identity(t, dir, "server")
		v := ServerTLS(certFile, keyFile, "")
		var failures []error
		v.Failed = func(err error) { failures = append(failures, err) }
		first := get(t, v)

		cert, key := ca.issue(t)
		replace(t, certFile, cert)
		time.Sleep(lookInterval)
		if get(t, v) != first {
			t.Error("certificate without its key: want the config that was")
		}
		if len(failures) != 1 || !strings.Contains(failures[0].Error(), certFile) {
			t.Errorf("got %v, want one failure that names %s", failures, certFile)
		}
		replace(t, keyFile, key)
		time.Sleep(lookInterval)
		second := get(t, v)
		if got := block("CERTIFICATE", second.Certificates[0].Certificate[0]); got != cert {
			t.Error("certificate and key: want the new config")
		}
		time.Sleep(time.Hour)
		if get(t, v) != second {
			t.Error("nothing changed: want the same config")
		}
	})
}

// A session ends with the config that it began under, or a client whose CA was
// removed could go on with it.
func TestSessions(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			timed(t, func(t *testing.T, dir string) {
				ca, next := newAuthority(t), newAuthority(t)
				certFile, keyFile := ca.identity(t, dir, "server")
				caFile := trust(t, dir, "clients", ca)
				server := serving(ServerTLS(certFile, keyFile, caFile))

				clientCert, clientKey := ca.identity(t, dir, "client")
				client := get(t, ClientTLS(trust(t, dir, "servers", ca), clientCert, clientKey, "upstream", false)).Clone()
				client.MinVersion, client.MaxVersion = version, version
				client.ClientSessionCache = tls.NewLRUClientSessionCache(1)

				resumes := func(step string, want bool) {
					t.Helper()
					time.Sleep(lookInterval)
					if state, err := meet(t, client, server); err != nil || state.DidResume != want {
						t.Errorf("%s: resumed: %t, %v, want %t", step, state.DidResume, err, want)
					}
				}
				resumes("first", false)
				resumes("second", true)
				time.Sleep(10 * time.Hour)
				resumes("later", true)
				trust(t, dir, "clients", ca, next)
				resumes("another CA too", false)
				resumes("second with it", true)
				trust(t, dir, "clients", next)
				time.Sleep(lookInterval)
				if state, err := meet(t, client, server); err == nil {
					t.Errorf("its CA removed: let in, resumed: %t", state.DidResume)
				}
			})
		})
	}
}

func TestClientTLS(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		ca, other := newAuthority(t), newAuthority(t)
		certFile, keyFile := ca.identity(t, dir, "server")
		server := serving(ServerTLS(certFile, keyFile, ""))
		caFile, otherFile := trust(t, dir, "ours", ca), trust(t, dir, "other", other)
		tests := []struct {
			name string
			v    *Value[*tls.Config]
			want string // of the error; empty for none
		}{
			{"its CA", ClientTLS(caFile, "", "", "upstream", false), ""},
			{"several CAs", ClientTLS(trust(t, dir, "both", other, ca), "", "", "upstream", false), ""},
			{"another CA", ClientTLS(otherFile, "", "", "upstream", false), "unknown authority"},
			{"the system's CAs", ClientTLS("", "", "", "upstream", false), "unknown authority"},
			{"another name", ClientTLS(caFile, "", "", "elsewhere", false), "not elsewhere"},
			{"insecure", ClientTLS("", "", "", "", true), ""},
		}
		for _, test := range tests {
			_, err := meet(t, get(t, test.v), server)
			if test.want == "" && err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%s: got %v, want %q", test.name, err, test.want)
			}
		}
	})
}

func TestClientTLSRotation(t *testing.T) {
	timed(t, func(t *testing.T, dir string) {
		ca, next := newAuthority(t), newAuthority(t)
		certFile, keyFile := next.identity(t, dir, "server")
		server := serving(ServerTLS(certFile, keyFile, ""))
		caFile := trust(t, dir, "servers", ca)
		v := ClientTLS(caFile, "", "", "upstream", false)
		if _, err := meet(t, get(t, v), server); err == nil {
			t.Error("unknown CA: want an error")
		}
		replace(t, caFile, "") // in the middle of a change
		time.Sleep(lookInterval)
		get(t, v)
		trust(t, dir, "servers", next)
		time.Sleep(lookInterval)
		if _, err := meet(t, get(t, v), server); err != nil {
			t.Errorf("new CA: %v", err)
		}
	})
}

// A server that names other CAs than the client's gets its certificate: it may
// know how that leads to one of them.
func TestClientCertificateIsAlwaysShown(t *testing.T) {
	dir := t.TempDir()
	ca, other := newAuthority(t), newAuthority(t)
	certFile, keyFile := ca.identity(t, dir, "both")
	pool := x509.NewCertPool()
	pool.AddCert(other.cert)
	var shown int
	server := get(t, ServerTLS(certFile, keyFile, "")).Clone()
	server.ClientAuth, server.ClientCAs = tls.RequireAnyClientCert, pool
	server.VerifyConnection = func(state tls.ConnectionState) error {
		shown = len(state.PeerCertificates)
		return nil
	}
	if _, err := meet(t, get(t, ClientTLS("", certFile, keyFile, "", true)), server); err != nil || shown != 1 {
		t.Errorf("got %d certificates, %v, want 1", shown, err)
	}
}
