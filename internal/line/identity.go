package line

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"strings"
)

var identitySeed = maphash.MakeSeed()

// An Identifier tells lines apart by what they say.
type Identifier struct {
	scanner scanner
	fields  fields
	buf     []byte
}

// Identity is a hash of the instance, timestamp and text of a line that was
// sent with the key. Two lines that differ only in how their JSON is written,
// or by a newline at the end of the text, are one.
func (i *Identifier) Identity(key int64, line []byte) uint64 {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	instance, text := i.values(line)
	i.buf = binary.LittleEndian.AppendUint64(i.buf[:0], uint64(key))
	i.buf = binary.LittleEndian.AppendUint32(i.buf, uint32(len(instance)))
	i.buf = append(append(i.buf, instance...), text...)
	return maphash.Bytes(identitySeed, i.buf)
}

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
