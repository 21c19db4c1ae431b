package fresh

import (
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"plain", "s3cret", "s3cret"},
		{"newline", "s3cret\n", "s3cret"},
		{"white space around", " \t\r\ns3cret with\tsome \r\n\n", "s3cret with\tsome"},
		{"empty", "", ""},
		{"white space only", " \n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir() + "/token"
			write(t, path, test.content)
			if test.want == "" {
				wantError(t, Secret(path), path+": is empty")
			} else {
				wantValue(t, Secret(path), test.want)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	user, password := dir+"/user", dir+"/password"
	v := Credentials(user, password)
	wantError(t, v, user)

	write(t, user, "admin\n")
	write(t, password, " \n")
	wantError(t, Credentials(user, password), password+": is empty")
	wantError(t, Credentials(password, user), password+": is empty")

	write(t, password, "s3cret\n")
	wantValue(t, Credentials(user, password), BasicAuth{"admin", "s3cret"})
}

// Errors end in logs: they name files, and quote none.
func TestErrorsQuoteNothing(t *testing.T) {
	dir := t.TempDir()
	secret, other := dir+"/one", dir+"/two"
	write(t, secret, "s3cret")
	write(t, other, "-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n")
	for name, err := range map[string]error{
		"server":           failure(ServerTLS(secret, secret, "")),
		"server's client":  failure(ServerTLS(other, other, secret)),
		"client":           failure(ClientTLS(secret, "", "", "", false)),
		"client's own":     failure(ClientTLS("", other, secret, "", false)),
		"client's, no key": failure(ClientTLS("", secret, "", "", false)),
	} {
		if err == nil {
			t.Errorf("%s: want an error", name)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q quotes the file", name, err)
		} else if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %q does not name the file", name, err)
		}
	}
}

func failure[T any](v *Value[T]) error {
	_, err := v.Get()
	return err
}
