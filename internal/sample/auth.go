package sample

import (
	"io"
	"net/http"
)

// BasicAuth asks for a user and a password as faas-provider does.
func BasicAuth(user, password string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="Restricted"`)
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, "invalid credentials")
			return
		}
		next.ServeHTTP(w, r)
	})
}
