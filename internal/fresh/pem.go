package fresh

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// keyPair parses a certificate, with those that lead to its CA, and its key.
func keyPair(certFile, keyFile string, cert, key []byte) (tls.Certificate, error) {
	if certFile == "" || keyFile == "" {
		return tls.Certificate{}, fmt.Errorf("certificate file %q, key file %q: neither can do without the other", certFile, keyFile)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate file %s, key file %s: %w", certFile, keyFile, err)
	}
	return pair, nil
}

// certPool parses the certificates of CAs.
func certPool(file string, content []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("CA file %s: holds no certificate in PEM form", file)
	}
	return pool, nil
}
