package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// The errors of crypto/tls and crypto/x509 are not passed on: some quote the file.

// checkCertificate looks at the first of a chain, which is the one that is shown.
func checkCertificate(got []byte) error {
	block := firstBlock(got, func(kind string) bool { return kind == "CERTIFICATE" })
	if block == nil {
		return errors.New("the file holds no certificate in PEM")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return errors.New("the file holds a certificate that is damaged, or of a kind that is not supported")
	}
	return nil
}

// checkAuthorities wants one at least. Bundles hold some that Go does not support, which are left out.
func checkAuthorities(got []byte) error {
	if !x509.NewCertPool().AppendCertsFromPEM(got) {
		return errors.New("the file holds no certificate in PEM that can be used")
	}
	return nil
}

func checkKey(got []byte) error {
	block := firstBlock(got, func(kind string) bool { return kind == "PRIVATE KEY" || strings.HasSuffix(kind, " PRIVATE KEY") })
	if block == nil {
		return errors.New("the file holds no private key in PEM")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return errors.New("the file holds a key with a passphrase, it must be one without")
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(block.Bytes)
	_, ec := x509.ParseECPrivateKey(block.Bytes)
	if pkcs8 != nil && pkcs1 != nil && ec != nil {
		return errors.New("the file holds a private key that is damaged, or of a kind that is not supported")
	}
	return nil
}

func firstBlock(text []byte, wanted func(kind string) bool) *pem.Block {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil || wanted(block.Type) {
			return block
		}
	}
}

func (w *walker) serverTLS(c ServerTLS) {
	cert, key := setting{"server.tls.cert_file", c.CertFile}, setting{"server.tls.key_file", c.KeyFile}
	w.keyPair(cert, key)
	if c.ClientCAFile != "" && !w.given(cert) && !w.given(key) {
		const ca = "server.tls.client_ca_file"
		w.add(w.at(ca), ca, "needs cert_file and key_file: without them there is no TLS")
	}
}

// upstreamTLS looks at the upstream's own keys apart: where TLS has no use, those of `defaults` are meant for others.
func (w *walker) upstreamTLS(upstream string, own TLS, u Upstream) {
	plain := u.URL != nil && plainHTTP(u.URL)
	if plain && own == (TLS{}) {
		return
	}
	w.keyPair(w.setting(upstream, "tls.cert_file", u.TLS.CertFile), w.setting(upstream, "tls.key_file", u.TLS.KeyFile))
	if plain {
		key := upstream + ".tls"
		w.add(w.at(key), key, "has no use with a url of %s://", u.URL.Scheme)
	}
}

// keyPair wants a certificate and its key, or none of them.
func (w *walker) keyPair(cert, key setting) {
	if !w.together(cert, key) || w.broken[cert.key] || w.broken[key.key] {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert.value, key.value); err != nil {
		at := place(key, cert)
		w.add(w.at(at), at, "cert_file and key_file do not belong to each other")
	}
}
