package config

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

// However broken a file is, its error is a list of problems with their places, and it keeps secrets.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example), "/path")
	f.Add(minimal, "%zz")
	f.Add(minimal+"---\n"+minimal, "/ ")
	f.Add("a: &a {<<: *a, a: *a}\nupstreams: [*a, &b [*b]]\n", "?")
	f.Add("server: {memory_limit: 99999999999EiB, memory_limit: 1e9}\n", "\r\n")
	f.Add("defaults: {retry: {min_wait: 9h}, headers: {a b: c, ~: d}}\nupstreams:\n- !!x\n-\n", "@")
	f.Add("server: {tls: {cert_file: config.go, client_ca_file: .}, basic_auth: {user_file: config.go}, passthrough: http://u@x}\n", ":")
	f.Add("server: {max_requests: 0, max_queue_wait: 0, reload_endpoint: 1, passthrough: ''}\n"+minimal, "\t")
	f.Add("defaults: {auth: {token_file: /dev/zero, forward: true}, tls: {key_file: x, ca_file: /}, breaker: {failures: -1, open_for: 0}}\n"+minimal, "%")
	f.Add("upstreams: [{name: a, url: dns+http://u:p@[::1], auth: &a {user_file: a, <<: *a}, tls: {server_name: b}, headers: {authorization: c}}]\n", "[")
	f.Add("? {a: 1}\n: *x\n", "\x00")
	f.Fuzz(func(t *testing.T, src, noise string) {
		if cfg, err := Parse("f", []byte(src)); err == nil {
			for _, u := range cfg.Upstreams {
				if u.Name == "" || u.URL == nil {
					t.Errorf("accepted an upstream without a name or URL: %+v", u)
				}
				if len(waysOf(u)) > 1 || (u.Auth.UserFile == "") != (u.Auth.PasswordFile == "") {
					t.Errorf("accepted %+v", u.Auth)
				}
			}
		} else {
			checkProblems(t, err)
		}

		secret := "s3cr" + noise + "et99"
		for _, bad := range []string{
			"http://" + secret + "@eu" + noise,
			"http://user:" + secret + "@eu:99999",
			secret + "@eu",
		} {
			url, file := strconv.Quote(bad), strconv.Quote(secret)
			src := "server: {passthrough: " + url + ", tls: {key_file: " + file + "}, basic_auth: {password_file: " + file + "}}\n" +
				"upstreams: [{name: eu, url: " + url + ", headers: {X-A: " + strconv.Quote(secret+"\n") + "}, " +
				"auth: {user_file: " + file + ", token_file: " + file + "}, tls: {ca_file: " + file + ", cert_file: " + file + "}}]"
			_, err := Parse("f", []byte(src))
			if err == nil {
				t.Fatalf("accepted %q", src)
			}
			checkProblems(t, err)
			if text := err.Error(); strings.Contains(text, "s3cr") || strings.Contains(text, "et99") {
				t.Errorf("a secret is printed: %s", text)
			}
		}
	})
}

func checkProblems(t *testing.T, err error) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("got %T %v, want Problems", err, err)
	}
	for i, p := range problems {
		if p.File != "f" || p.Line < 1 || p.Message == "" || strings.ContainsAny(p.Error(), "\r\n") {
			t.Errorf("bad problem %+v", p)
		}
		if i > 0 && p.Line < problems[i-1].Line {
			t.Errorf("line %d comes after line %d", p.Line, problems[i-1].Line)
		}
	}
}
