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
	for ; i+64+maxEscape <= len(wide); i += 64 {
		m := marks((*[64]byte)(wide[i:])) & (^uint64(0) << max(plain-i, 0))
		for m != 0 {
			at := i + bits.TrailingZeros64(m)
			if at >= len(b) {
				return -1
			}
			n := 1
			switch c := wide[at]; {
			case c == '\\':
				if n = escapeLen((*[maxEscape]byte)(wide[at:])); n == 0 {
					return -1
				}
			case c == '"':
				return at
			case c < ' ':
				return -1
			}
			plain = at + n
			m &= ^uint64(0) << (plain - i)
		}
	}
	return slowStringEnd(b, max(i, plain))
}

// slowStringEnd is stringEnd from i on, byte by byte, for the end of a buffer.
func slowStringEnd(b []byte, i int) int {
	for i < len(b) {
		switch c := b[i]; {
		case c == '\\':
			var escape [maxEscape]byte
			copy(escape[:], b[i:])
			n := escapeLen(&escape)
			if n == 0 {
				return -1
			}
			i += n
		case c == '"':
			return i
		case c < ' ':
			return -1
		default:
			i++
		}
	}
	return -1
}

// marks has a bit for each byte that may need a look. All at once: whether there
// is a next one is what a processor guesses worst.
func marks(b *[64]byte) uint64 {
	return gather(b[0:8]) | gather(b[8:16])<<8 | gather(b[16:24])<<16 | gather(b[24:32])<<24 |
		gather(b[32:40])<<32 | gather(b[40:48])<<40 | gather(b[48:56])<<48 | gather(b[56:64])<<56
}

// gather has a bit for each of eight bytes: the product brings together the high
// bits that special leaves.
func gather(b []byte) uint64 {
	return special(binary.LittleEndian.Uint64(b)) >> 7 * 0x0102040810204080 >> 56
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

const maxEscape = len(`\u003c`)

// escapeLen returns the length of the escape that b starts with, 0 if it is
// none. It does not branch on which escape it is: that is no habit of logs.
func escapeLen(b *[maxEscape]byte) int {
	n := escapes[b[1]]
	digits := hex[b[2]] & hex[b[3]] & hex[b[4]] & hex[b[5]]
	if n>>2&^digits != 0 { // \u, and not four of them
		return 0
	}
	return int(n)
}

// escapes holds, for what may follow a backslash, the length of both.
var escapes = func() (length [256]uint8) {
	for _, c := range []byte(`"\/bfnrt`) {
		length[c] = 2
	}
	length['u'] = uint8(maxEscape)
	return length
}()

// hex holds 1 for the hexadecimal digits.
var hex = func() (digits [256]uint8) {
	for _, c := range []byte("0123456789abcdefABCDEF") {
		digits[c] = 1
	}
	return digits
}()
