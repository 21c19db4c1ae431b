package line

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// fields says where the values of a canonical line stand, without their quotes.
// Namespace and instance hold no escapes; the text may.
type fields struct {
	namespace, instance, text []byte
	namespaceAt, instanceAt   int // where they begin in the line
	key                       int64
}

// A scanner recognises the canonical line: the five fields in faas-provider's
// order, no spaces, what encoding/json writes. It accepts less than
// encoding/json does, and nothing that encoding/json would refuse.
type scanner struct {
	// What the last line had up to the value of instance. Most lines of a
	// stream share it, and what is equal to it needs no second look.
	prefix      []byte
	namespace   []byte // within prefix
	namespaceAt int
	clock       clock
}

const (
	beforeName      = `{"name":"`
	beforeNamespace = `","namespace":"`
	beforeInstance  = `","instance":"`
	beforeTimestamp = `","timestamp":"`
	beforeText      = `","text":"`
	afterText       = `"}`
)

// scan reports whether the line is canonical, and then fills f.
func (s *scanner) scan(line []byte, f *fields) bool {
	if len(s.prefix) == 0 || !bytes.HasPrefix(line, s.prefix) {
		if !s.scanPrefix(line) {
			return false
		}
	}
	f.namespace, f.namespaceAt, f.instanceAt = s.namespace, s.namespaceAt, len(s.prefix)
	rest := line[len(s.prefix):]

	n := plainEnd(rest)
	if n < 0 || !hasPrefix(rest[n:], beforeTimestamp) {
		return false
	}
	f.instance = rest[:n]
	rest = rest[n+len(beforeTimestamp):]

	key, n := s.clock.parse(rest)
	if n == 0 || !hasPrefix(rest[n:], beforeText) {
		return false
	}
	f.key = key
	rest = rest[n+len(beforeText):]

	n = stringEnd(rest)
	f.text = rest[:max(n, 0)]
	return n >= 0 && string(rest[n:]) == afterText
}

// scanPrefix reads the line up to the value of instance and remembers it.
func (s *scanner) scanPrefix(line []byte) bool {
	if !hasPrefix(line, beforeName) {
		return false
	}
	at := len(beforeName)
	n := plainEnd(line[at:])
	if n < 0 || !hasPrefix(line[at+n:], beforeNamespace) {
		return false
	}
	at += n + len(beforeNamespace)
	start := at
	n = plainEnd(line[at:])
	if n < 0 || !hasPrefix(line[at+n:], beforeInstance) {
		return false
	}
	at += n
	s.prefix = append(s.prefix[:0], line[:at+len(beforeInstance)]...)
	s.namespace, s.namespaceAt = s.prefix[start:at], start
	return true
}

// hasPrefix is bytes.HasPrefix with a constant, which compiles to a compare.
func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// plainEnd returns the index of the quote that ends a string without escapes,
// or -1. Names are short: byte by byte is fastest.
func plainEnd(b []byte) int {
	for i, c := range b {
		if c == '"' {
			return i
		}
		if c < ' ' || c == '\\' {
			return -1
		}
	}
	return -1
}

// stringEnd returns the index of the quote that ends a JSON string, or -1 if
// there is none or encoding/json would refuse what is before it.
func stringEnd(b []byte) int {
	// What follows the line in its buffer is read along, to save a look at its
	// last bytes one by one; it is never believed.
	wide := b[:cap(b)]
	i, plain := 0, 0 // before plain, an escape has been looked at
	for ; i+16 <= len(wide); i += 16 {
		first := special(binary.LittleEndian.Uint64(wide[i:]))
		second := special(binary.LittleEndian.Uint64(wide[i+8:]))
		for first|second != 0 {
			// The high bit of the next byte that may need a look.
			at := i + bits.TrailingZeros64(first)/8
			if first == 0 {
				at = i + 8 + bits.TrailingZeros64(second)/8
				second &= second - 1
			}
			first &= first - 1 // stays 0
			if at < plain {
				continue
			}
			n := look(b, at)
			if n <= 0 {
				return at + n*(at+1) // at, or -1
			}
			plain = at + n
		}
	}
	for i = max(i, plain); ; {
		n := look(b, i)
		if n <= 0 {
			return i + n*(i+1)
		}
		i += n
	}
}

// look says how many bytes of a string the character or escape at i takes: 0 if
// it is the quote that ends it, -1 if it is not valid or not there.
func look(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		return 0
	case c == '\\':
		return escapeLen(b[i:])
	case c < ' ':
		return -1
	}
	return 1
}

// special marks the high bit of each byte that is a quote, a backslash or a
// control character (Hacker's Delight, 6-1). A borrow may mark a byte above one
// that is rightly marked: only the lowest mark is sure.
func special(w uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	// With bit 1 flipped, the quote (0x22) is next to the control characters,
	// and nothing else is below 0x21.
	low := (w ^ 0x02*ones) - 0x21*ones
	backslash := w ^ '\\'*ones
	return (low&^w | (backslash-ones)&^backslash) & highs
}

// escapeLen returns the length of the escape that b starts with, -1 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	if b[1] != 'u' {
		return int(escapes[b[1]])
	}
	if len(b) >= 6 && hex[b[2]] && hex[b[3]] && hex[b[4]] && hex[b[5]] {
		return 6
	}
	return -1
}

// escapes holds, for what may follow a backslash, the length of both.
var escapes = func() (length [256]int8) {
	for c := range length {
		length[c] = -1
	}
	for _, c := range []byte(`"\\/bfnrt`) {
		length[c] = 2
	}
	return length
}()

// hex holds the hexadecimal digits.
var hex = func() (digits [256]bool) {
	for _, c := range []byte("0123456789abcdefABCDEF") {
		digits[c] = true
	}
	return digits
}()
