package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode"
)

const (
	maxSecret = 64 << 10
	maxPEM    = 1 << 20 // the certificates of all public authorities take a quarter
)

// A content is what a file must hold.
type content struct {
	limit int // bytes
	check func([]byte) error
}

// contents are the rules a field names in its file tag. Their errors hold nothing of the file.
var contents = map[string]content{
	"user":     {maxSecret, checkUser},
	"password": {maxSecret, checkSecret},
	"token":    {maxSecret, checkToken},

	"certificate": {maxPEM, checkCertificate},
	"key":         {maxPEM, checkKey},
	"authorities": {maxPEM, checkAuthorities},
}

// checkFile looks at the file of that name, where there is a name. Its errors do not repeat it unless
// it is surely a path: it may be the secret itself, written where the name of its file belongs.
func checkFile(name string, want content) error {
	if name == "" {
		return nil
	}
	if strings.ContainsAny(name, "\r\n") {
		return errors.New("must be the name of a file, not what it holds")
	}
	got, err := readFile(name, want.limit)
	if err != nil {
		return err
	}
	return want.check(got)
}

func readFile(name string, limit int) ([]byte, error) {
	stat, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && surelyPath.MatchString(name):
		return nil, fmt.Errorf("the file does not exist: %s", name)
	case err != nil:
		return nil, unreadable(err)
	case stat.IsDir():
		return nil, errors.New("is a directory, not a file")
	case !stat.Mode().IsRegular():
		// Opening a pipe waits for who writes it, and a device may never end.
		return nil, errors.New("is not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	got, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(got) > limit:
		return nil, fmt.Errorf("the file holds more than %d KiB", limit>>10)
	}
	return got, nil
}

// surelyPath are names that cannot be taken for a secret: absolute, with a directory, and a dot or a dash
// in the last part, which base64 does not have.
var surelyPath = regexp.MustCompile(`^(/[A-Za-z0-9_.-]+)+/[A-Za-z0-9_-]*[.-][A-Za-z0-9_.-]*$`)

// unreadable is err without the name of the file.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the file does not exist")
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("the file cannot be read: %w", pathErr.Err)
	}
	return errors.New("the file cannot be read")
}

func checkSecret(got []byte) error {
	if len(bytes.TrimSpace(got)) == 0 {
		return errors.New("the file holds nothing")
	}
	return nil
}

// checkToken is for what stands in a header as it is.
func checkToken(got []byte) error {
	if err := checkSecret(got); err != nil {
		return err
	}
	if bytes.ContainsFunc(bytes.TrimSpace(got), unicode.IsControl) {
		return errors.New("the file holds more than one line, or a control character")
	}
	return nil
}

func checkUser(got []byte) error {
	if err := checkToken(got); err != nil {
		return err
	}
	if strings.Contains(string(got), ":") {
		return errors.New("the file holds a colon, which ends a user name: only the password may have one")
	}
	return nil
}
