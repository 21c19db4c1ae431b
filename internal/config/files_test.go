package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// files are what a configuration can name, as $NAME in its text.
type files map[string]string

func (f files) in(src string) string {
	return os.Expand(src, func(name string) string {
		path, known := f[name]
		if !known {
			panic("no file " + name)
		}
		return path
	})
}

// newFiles are those that are as they must be: two pairs of a certificate and its key among them.
func newFiles(t *testing.T) files {
	f := files{"dir": t.TempDir(), "missing": "/no/such/s3cret", "device": os.DevNull, "below": "files_test.go/s3cret"}
	f.write(t, map[string]string{"user": "admin\n", "password": " s3cret: \x01pass\n", "token": "\r\ns3cret-token\n\n"})
	f.write(t, pair(t, "cert", "key"))
	f.write(t, pair(t, "cert2", "key2"))
	return f
}

func (f files) write(t *testing.T, content map[string]string) {
	t.Helper()
	for name, text := range content {
		f[name] = filepath.Join(f["dir"], name)
		if err := os.WriteFile(f[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func pair(t *testing.T, cert, key string) map[string]string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{cert: block("CERTIFICATE", certDER), key: block("PRIVATE KEY", keyDER)}
}

func block(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// Each rule of a file tag, by a key that has it and stands in line 4 with what belongs to it.
func TestFileProblemsOfEveryContent(t *testing.T) {
	const (
		noFile     = "the file does not exist"
		notRegular = "is not a regular file"
		directory  = "is a directory, not a file"
		below      = "the file cannot be read: not a directory"
		nothing    = "the file holds nothing"
		tooLong    = "the file holds more than 64 KiB"
		lines      = "the file holds more than one line, or a control character"
		colon      = "the file holds a colon, which ends a user name: only the password may have one"
		noCert     = "the file holds no certificate in PEM"
		noUsable   = "the file holds no certificate in PEM that can be used"
		badCert    = "the file holds a certificate that is damaged, or of a kind that is not supported"
		noKey      = "the file holds no private key in PEM"
		badKey     = "the file holds a private key that is damaged, or of a kind that is not supported"
		passphrase = "the file holds a key with a passphrase, it must be one without"
	)
	f := newFiles(t)
	read := func(name string) string {
		text, err := os.ReadFile(f[name])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	damaged := []byte("s3cret s3cret")
	f.write(t, map[string]string{
		"blank":     " \r\n\t ",
		"empty":     "",
		"full":      strings.Repeat("s", 64<<10),
		"over":      strings.Repeat("s", 64<<10) + "\n",
		"huge":      read("cert") + strings.Repeat("\n", 1<<20),
		"lines":     "s3cret\ns3cret",
		"tab":       "s3cret\ts3cret",
		"colon":     "admin:s3cret",
		"text":      "s3cret",
		"damaged":   block("CERTIFICATE", damaged),
		"kind":      block("S3CRET", damaged),
		"bundle":    "# s3cret\n" + block("CERTIFICATE", damaged) + read("cert") + read("cert2"),
		"chain":     read("key") + read("cert") + block("CERTIFICATE", damaged),
		"badkey":    block("EC PRIVATE KEY", damaged),
		"encrypted": block("ENCRYPTED PRIVATE KEY", damaged),
		"legacy": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" +
			"czNjcmV0\n-----END RSA PRIVATE KEY-----\n",
	})
	for _, tt := range []struct{ mapping, key, file, want string }{
		{"auth", "token_file", "token", ""},
		{"auth", "token_file", "colon", ""},
		{"auth", "token_file", "full", ""},
		{"auth", "token_file", "missing", noFile},
		{"auth", "token_file", "dir", directory},
		{"auth", "token_file", "device", notRegular},
		{"auth", "token_file", "below", below},
		{"auth", "token_file", "blank", nothing},
		{"auth", "token_file", "empty", nothing},
		{"auth", "token_file", "over", tooLong},
		{"auth", "token_file", "lines", lines},
		{"auth", "token_file", "tab", lines},

		{"auth", "user_file", "user", ""},
		{"auth", "user_file", "missing", noFile},
		{"auth", "user_file", "blank", nothing},
		{"auth", "user_file", "over", tooLong},
		{"auth", "user_file", "lines", lines},
		{"auth", "user_file", "colon", colon},

		{"auth", "password_file", "password", ""},
		{"auth", "password_file", "colon", ""},
		{"auth", "password_file", "lines", ""},
		{"auth", "password_file", "missing", noFile},
		{"auth", "password_file", "blank", nothing},
		{"auth", "password_file", "over", tooLong},

		{"tls", "ca_file", "cert", ""},
		{"tls", "ca_file", "bundle", ""},
		{"tls", "ca_file", "missing", noFile},
		{"tls", "ca_file", "dir", directory},
		{"tls", "ca_file", "empty", noUsable},
		{"tls", "ca_file", "text", noUsable},
		{"tls", "ca_file", "key", noUsable},
		{"tls", "ca_file", "damaged", noUsable},
		{"tls", "ca_file", "huge", "the file holds more than 1024 KiB"},

		{"tls", "cert_file", "cert", ""},
		{"tls", "cert_file", "chain", ""},
		{"tls", "cert_file", "missing", noFile},
		{"tls", "cert_file", "device", notRegular},
		{"tls", "cert_file", "key", noCert},
		{"tls", "cert_file", "kind", noCert},
		{"tls", "cert_file", "damaged", badCert},
		{"tls", "cert_file", "bundle", badCert},

		{"tls", "key_file", "key", ""},
		{"tls", "key_file", "chain", ""},
		{"tls", "key_file", "missing", noFile},
		{"tls", "key_file", "cert", noKey},
		{"tls", "key_file", "text", noKey},
		{"tls", "key_file", "badkey", badKey},
		{"tls", "key_file", "encrypted", passphrase},
		{"tls", "key_file", "legacy", passphrase},
	} {
		t.Run(tt.key+" "+tt.file, func(t *testing.T) {
			partner := map[string]string{
				"user_file": ", password_file: $password", "password_file": ", user_file: $user",
				"cert_file": ", key_file: $key", "key_file": ", cert_file: $cert",
			}[tt.key]
			src := f.in(upstream(tt.mapping + ": {" + tt.key + ": $" + tt.file + partner + "}"))
			var want []string
			if tt.want != "" {
				want = []string{"4: upstreams[0]." + tt.mapping + "." + tt.key + ": " + tt.want}
			}
			expect(t, src, want...)
			if got := strings.Join(problemsOf(t, src), "\n"); strings.Contains(strings.ToLower(got), "s3cr") {
				t.Errorf("a secret is printed: %s", got)
			}
		})
	}
}

// What a file key holds may be the secret itself.
func TestSecretsInPlaceOfTheirFiles(t *testing.T) {
	key := strings.ReplaceAll(pair(t, "cert", "key")["key"], "\n", "\n        ")
	for _, tt := range []struct{ name, keys, want string }{
		{"short token", "auth:\n  token_file: s3cret-token", "5: upstreams[0].auth.token_file: the file does not exist"},
		{"long token", "auth:\n  token_file: " + strings.Repeat("s3cret", 1000), "5: upstreams[0].auth.token_file: the file cannot be read: file name too long"},
		{"zero byte", "auth:\n  token_file: \"s3cret\\0\"", "5: upstreams[0].auth.token_file: the file cannot be read: invalid argument"},
		{"key", "tls:\n  cert_file: files.go\n  key_file: |\n    " + key, "5: upstreams[0].tls.cert_file: the file holds no certificate in PEM\n" +
			"6: upstreams[0].tls.key_file: must be the name of a file, not what it holds"},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, upstream(tt.keys), strings.Split(tt.want, "\n")...) })
	}
}

func TestServerFiles(t *testing.T) {
	f := newFiles(t)
	for _, tt := range []struct{ name, server, want string }{
		{"all", "tls: {cert_file: $cert, key_file: $key, client_ca_file: $cert2}, basic_auth: {user_file: $user, password_file: $password}", ""},
		{"user is a token", "basic_auth: {user_file: $password, password_file: $password}",
			"basic_auth.user_file: the file holds more than one line, or a control character"},
		{"no password", "basic_auth: {password_file: $missing, user_file: $user}", "basic_auth.password_file: the file does not exist"},
		{"client CA", "tls: {cert_file: $cert, key_file: $key, client_ca_file: $key}", "tls.client_ca_file: the file holds no certificate in PEM that can be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{"2: server." + tt.want}
			}
			expect(t, f.in(minimal+"server: {"+tt.server+"}\n"), want...)
		})
	}
}

// An upstream's keys are put together after its files were looked at. One that is replaced at that
// moment must not be taken for a key that was never written: the upstream would be asked without it.
func TestFileThatVanishesWhileItIsRead(t *testing.T) {
	f := newFiles(t)
	w := newWalker("f")
	var doc document
	src := f.in("defaults: {tls: {ca_file: $cert}}\n" + upstream("auth: {token_file: $token}"))
	w.value("", "", w.read([]byte(src)), reflect.ValueOf(&doc).Elem())
	for _, name := range []string{"cert", "token"} {
		if err := os.Remove(f[name]); err != nil {
			t.Fatal(err)
		}
	}
	if u := w.layered(0); len(w.problems) != 0 || u.TLS.CAFile != f["cert"] || u.Auth.TokenFile != f["token"] {
		t.Errorf("got %+v %+v, problems %v", u.TLS, u.Auth, w.problems)
	}
}

func TestEveryTagNamesARule(t *testing.T) {
	var look func(of reflect.Type)
	look = func(of reflect.Type) {
		for _, f := range fieldsOf(of) {
			check, file := f.Tag.Get("check"), f.Tag.Get("file")
			if check != "" && checks[check] == nil || file != "" && contents[file].check == nil {
				t.Errorf("%s.%s: no rule for %s", of, f.Name, f.Tag)
			}
			switch {
			case f.Type.Kind() == reflect.Struct:
				look(f.Type)
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				look(f.Type.Elem())
			}
		}
	}
	look(reflect.TypeFor[document]())
}

func TestReadFileStopsAtItsLimit(t *testing.T) {
	f := newFiles(t)
	f.write(t, map[string]string{"four": "1234", "five": "12345"})
	if got, err := readFile(f["four"], 4); err != nil || !bytes.Equal(got, []byte("1234")) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := readFile(f["five"], 4); err == nil || got != nil {
		t.Errorf("got %q, want an error", got)
	}
}
