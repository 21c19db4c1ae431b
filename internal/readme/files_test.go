package readme_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

var mounted = regexp.MustCompile(`/(?:var/secrets|var/tls|spill)\b[\w./-]*`)

// withFiles is an example's text with the files and directories that it names put
// where a test can have them.
func withFiles(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	return mounted.ReplaceAllStringFunc(text, func(name string) string {
		here := filepath.Join(dir, name)
		if filepath.Base(name) == "spill" {
			if err := os.MkdirAll(here, 0o755); err != nil {
				t.Fatal(err)
			}
			return here
		}
		content := []byte("secret\n")
		if filepath.Dir(name) == "/var/tls" {
			content = certificate(t)[filepath.Ext(name)]
		}
		if err := os.MkdirAll(filepath.Dir(here), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(here, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return here
	})
}

var pair map[string][]byte

// certificate is one that signed itself, and its key, by file extension.
func certificate(t *testing.T) map[string][]byte {
	t.Helper()
	if pair != nil {
		return pair
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair = map[string][]byte{
		".crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		".key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
	return pair
}
