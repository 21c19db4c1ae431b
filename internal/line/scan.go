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
	key                       int64
}

// A scanner recognises the canonical line: the five fields in faas-provider's
// order, no spaces, what encoding/json writes. It accepts less than
// encoding/json does, and nothing that encoding/json would refuse.
type scanner struct {
	// What the last line had up to the value of instance. Most lines of a
	// stream share it, and what is equal to it needs no second look.
	prefix    []byte
	namespace []byte // within prefix
	clock     clock
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
	f.namespace = s.namespace
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
	s.namespace = s.prefix[start:at]
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
	for i := 0; i < len(b); {
		if i+8 <= len(b) {
			if i += skipPlain(b[i:]); i >= len(b) {
				return -1
			}
		}
		switch c := b[i]; {
		case c == '"':
			return i
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return -1
			}
			i += n
		case c < ' ':
			return -1
		default:
			i++
		}
	}
	return -1
}

// skipPlain returns how many bytes at the start of b need no look: the index of
// the first quote, backslash or control character, or of the last few bytes. It
// takes eight at a time (Hacker's Delight, 6-1); len(b) >= 8.
func skipPlain(b []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^('"'*ones), w^('\\'*ones)
		// A borrow may mark a byte above one that is rightly marked; the lowest is right.
		m := ((w - ' '*ones) &^ w) | ((quote - ones) &^ quote) | ((backslash - ones) &^ backslash)
		if m &= highs; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	return i
}

// escapeLen returns the length of the escape that b starts with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !isHex(c) {
				return 0
			}
		}
		return 6
	}
	return 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
