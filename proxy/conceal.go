package proxy

import (
	"encoding/base64"
	"errors"
	"html"
	"strings"
)

var errRepeats = errors.New("what it said of that is left out, for it repeats what it was sent in secret")

// conceal takes the words out of an error that quotes an upstream which repeats
// its credentials: an error page that shows the request, say. Errors are logged,
// and sent to whoever asks for logs.
func (c *client) conceal(h *hop, err error) error {
	var f *Failure
	if !errors.As(err, &f) || f.Reason == ReasonDial || f.Reason == ReasonTLS || f.Reason == ReasonTimeout || f.Reason == ReasonBreaker {
		return err // it quotes nothing
	}
	text := err.Error()
	plain := html.UnescapeString(text)
	for _, secret := range c.sentInSecret(h) {
		if repeats(text, secret) || repeats(plain, secret) {
			return &Failure{f.Reason, errRepeats}
		}
	}
	return err
}

// sentInSecret is what the upstream is sent, with a request that brings h, and
// nobody else is to know.
func (c *client) sentInSecret(h *hop) []string {
	var secrets, authorizations []string
	for _, values := range c.Header {
		secrets = append(secrets, values...)
	}
	authorizations = append(authorizations, c.Header["Authorization"]...)
	if c.Authorization != nil {
		value, _ := c.Authorization()
		authorizations = append(authorizations, value)
	}
	if c.ForwardAuthorization && h != nil {
		authorizations = append(authorizations, h.authorization...)
	}
	if user := c.URL.User; user != nil {
		password, _ := user.Password()
		pair := user.Username() + ":" + password
		authorizations = append(authorizations, "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	for _, value := range authorizations {
		_, credentials, _ := strings.Cut(value, " ")
		secrets = append(secrets, credentials)
		if pair, err := base64.StdEncoding.DecodeString(credentials); err == nil {
			user, password, _ := strings.Cut(string(pair), ":")
			secrets = append(secrets, user, password)
		}
	}
	return secrets
}

// repeats reports whether a text holds a secret, or its start: the quote may end
// there. What is short cannot be told from a word.
func repeats(text, secret string) bool {
	const shortest, telling = 6, 8
	return len(secret) >= shortest && strings.Contains(text, secret[:min(len(secret), telling)])
}
