package line

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"strings"
)

var identitySeed = maphash.MakeSeed()

// An Identifier tells lines apart by what they say.
type Identifier struct {
	scanner scanner
	fields  fields
}

// Identity is a hash of the instance, timestamp and text of a line that was
// sent with the key. Two lines that differ only in how their JSON is written,
// or by a newline at the end of the text, are one.
func (i *Identifier) Identity(key int64, line []byte) uint64 {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	instance, text := i.values(line)
	return identity(key, instance, text)
}

// identity is a hash of what makes lines equal. One upstream writes a line the
// same way each time, so for its own lines the bytes need not be decoded.
func identity(key int64, instance, text []byte) uint64 {
	h := maphash.Bytes(identitySeed, text)
	h = bits.RotateLeft64(h*odd, 29) ^ maphash.Bytes(identitySeed, instance)
	h = bits.RotateLeft64(h*odd, 29) ^ uint64(key)
	return h * odd
}

// odd spreads bits in a multiplication (2^64 divided by the golden ratio).
const odd = 0x9e3779b97f4a7c15

// values returns the decoded instance and text.
func (i *Identifier) values(line []byte) (instance, text []byte) {
	f := &i.fields
	if i.scanner.scan(line, f) {
		plain := bytes.TrimSuffix(f.text, []byte(`\n`))
		if bytes.IndexByte(plain, '\\') < 0 {
			return f.instance, plain
		}
	}
	m, err := decode(line)
	if err != nil {
		return nil, line
	}
	return []byte(m.Instance), []byte(strings.TrimSuffix(m.Text, "\n"))
}
