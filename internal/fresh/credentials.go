package fresh

// BasicAuth is a user and the password that belongs to it.
type BasicAuth struct {
	User, Password string
}

// Credentials returns the user and the password of two files, each as [Secret]
// reads it.
func Credentials(userPath, passwordPath string) *Value[BasicAuth] {
	return Of(func(contents [][]byte) (BasicAuth, error) {
		user, err := secret(userPath, contents[0])
		if err != nil {
			return BasicAuth{}, err
		}
		password, err := secret(passwordPath, contents[1])
		if err != nil {
			return BasicAuth{}, err
		}
		return BasicAuth{User: user, Password: password}, nil
	}, userPath, passwordPath)
}
