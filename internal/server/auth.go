package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// BasicAuth returns a check for Site.Authorized: of the user and password that
// a request carries against those that want gives for each. It refuses everyone
// while want fails or gives no password. How long it takes tells nothing about
// either.
func BasicAuth(want func() (user, password string, err error)) func(*http.Request) bool {
	return func(r *http.Request) bool {
		wantUser, wantPassword, err := want()
		user, password, sent := r.BasicAuth()
		right := equal(user, wantUser) & equal(password, wantPassword)
		return sent && err == nil && wantPassword != "" && right == 1
	}
}

// equal compares hashes, for the time of a comparison depends on the length.
func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}
