package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestBasicAuth(t *testing.T) {
	for _, tt := range []struct {
		name, wantUser, wantPassword string
		err                          error
		header                       string // "user:password" for basic auth, or all of it
		want                         bool
	}{
		{"right", "admin", "secret", nil, "admin:secret", true},
		{"a colon in the password", "admin", "a:b", nil, "admin:a:b", true},
		{"no user is wanted", "", "secret", nil, ":secret", true},
		{"other password", "admin", "secret", nil, "admin:Secret", false},
		{"other user", "admin", "secret", nil, "root:secret", false},
		{"no password", "admin", "secret", nil, "admin:", false},
		{"a part of it", "admin", "secret", nil, "admin:secre", false},
		{"moved between the two", "admin", "secret", nil, "admins:ecret", false},
		{"nothing sent", "admin", "secret", nil, "", false},
		{"another scheme", "admin", "secret", nil, "Bearer secret", false},
		{"no password is expected", "admin", "", nil, "admin:", false},
		{"nothing is expected, nothing sent", "", "", nil, "", false},
		{"the expected one is not known", "admin", "secret", errors.New("no such file"), "admin:secret", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if user, password, ok := strings.Cut(tt.header, ":"); ok {
				r.SetBasicAuth(user, password)
			} else if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			check := BasicAuth(func() (user, password string, err error) { return tt.wantUser, tt.wantPassword, tt.err })
			if got := check(r); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAuthorized(t *testing.T) {
	d := startServer(t, &Server{Reload: func() error { return nil }}, &Site{
		Logs:           answer("logs"),
		Passthrough:    answer("passed"),
		ReloadEndpoint: true,
		Authorized:     BasicAuth(func() (user, password string, err error) { return "admin", "secret", nil }),
	})
	for _, tt := range []struct {
		method, path string
		open         bool
	}{
		{"GET", "/healthz", true},
		{"GET", "/readyz", true},
		{"GET", logsPath, false},
		{"GET", "/metrics", false},
		{"POST", "/-/reload", false},
		{"POST", "/function/f", false},
		{"GET", "/healthz/", false},
		{"GET", "//healthz", false},
		{"OPTIONS", "/", false},
	} {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			got := d.do(tt.method, tt.path)
			if tt.open {
				if got.code != http.StatusOK {
					t.Errorf("got %+v, want 200", got)
				}
				return
			}
			if got.code != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != `Basic realm="Restricted"` ||
				!strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
				t.Errorf("got %+v, want 401", got)
			}
			req, err := http.NewRequestWithContext(t.Context(), tt.method, d.url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("admin", "secret")
			if got := d.send(req); got.code != http.StatusOK {
				t.Errorf("with the password: got %+v", got)
			}
		})
	}
	if got := d.raw("OPTIONS * HTTP/1.1\r\nHost: logmux\r\n\r\n"); got.code != http.StatusUnauthorized {
		t.Errorf("OPTIONS *: got %+v, want 401", got)
	}
}
