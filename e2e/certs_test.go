package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// An authority issues certificates.
type authority struct {
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	caFile string
	serial int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), serial: 1}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "e2e"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.caFile = filepath.Join(t.TempDir(), "ca.crt")
	write(t, a.caFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
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

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// client is what a client trusts the authority with.
func (a *authority) client(own ...issued) *tls.Config {
	config := &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS12}
	for _, i := range own {
		config.Certificates = append(config.Certificates, i.pair)
	}
	return config
}

// A leaf is what a certificate says. Its zero value is for a server, or client, on loopback and good.
type leaf struct {
	name    string // in place of loopback's address
	expired bool
}

// issued is a certificate with its key, in files too.
type issued struct {
	pair              tls.Certificate
	certPEM, keyPEM   string
	certFile, keyFile string
}

func (a *authority) issue(t *testing.T, l leaf) issued {
	t.Helper()
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      pkix.Name{CommonName: "e2e"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if l.name != "" {
		template.DNSNames, template.IPAddresses = []string{l.name}, nil
	}
	if l.expired {
		template.NotAfter = time.Now().Add(-time.Minute)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	i := issued{
		certPEM:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		keyPEM:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		certFile: filepath.Join(dir, "tls.crt"),
		keyFile:  filepath.Join(dir, "tls.key"),
	}
	if i.pair, err = tls.X509KeyPair([]byte(i.certPEM), []byte(i.keyPEM)); err != nil {
		t.Fatal(err)
	}
	i.saveTo(t, i.certFile, i.keyFile)
	return i
}

func (i issued) saveTo(t *testing.T, certFile, keyFile string) {
	t.Helper()
	write(t, certFile, i.certPEM)
	write(t, keyFile, i.keyPEM)
}
