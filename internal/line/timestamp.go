package line

import "time"

// A clock parses RFC 3339 timestamps as time.Time.UnmarshalJSON does, for years
// whose every instant fits int64 nanoseconds. It remembers the last minute:
// the next line is likely to be of the same one.
type clock struct {
	minute [len("2006-01-02T15:04:")]byte
	start  int64 // of the minute, in seconds since the epoch, as if in UTC
}

// The first and last year that lie wholly within int64 nanoseconds, with a day
// to spare for the offset.
const minYear, maxYear = 1678, 2261

// parse reads the timestamp at the start of b, up to its closing quote. It
// returns the instant as a key and the length read: 0 if it is not of the
// plain form, in which case encoding/json has the word.
func (c *clock) parse(b []byte) (key int64, n int) {
	if len(b) < len("2006-01-02T15:04:05Z\"") {
		return 0, 0
	}
	if ([len(c.minute)]byte(b) != c.minute || c.minute[0] == 0) && !c.parseMinute(b) {
		return 0, 0
	}
	n = len(c.minute)
	second, ok := digits(b[n:], 2)
	if !ok || second > 59 {
		return 0, 0
	}
	n += 2
	nanos := 0
	if b[n] == '.' {
		size := 0
		nanos, size = fraction(b[n+1:])
		if size == 0 {
			return 0, 0
		}
		n += 1 + size
	}
	offset, size := zone(b[n:])
	if size == 0 || n+size >= len(b) || b[n+size] != '"' {
		return 0, 0
	}
	return (c.start+int64(second-offset))*1e9 + int64(nanos), n + size
}

// parseMinute reads date, hour and minute and remembers them.
func (c *clock) parseMinute(b []byte) bool {
	year, ok1 := digits(b, 4)
	month, ok2 := digits(b[5:], 2)
	day, ok3 := digits(b[8:], 2)
	hour, ok4 := digits(b[11:], 2)
	minute, ok5 := digits(b[14:], 2)
	if !(ok1 && ok2 && ok3 && ok4 && ok5) ||
		b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' ||
		year < minYear || year > maxYear || hour > 23 || minute > 59 {
		return false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, 0, 0, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day {
		return false // time.Date made the 31st of April the 1st of May
	}
	c.minute, c.start = [len(c.minute)]byte(b), t.Unix()
	return true
}

// digits reads n decimal digits.
func digits(b []byte, n int) (value int, ok bool) {
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int(c-'0')
	}
	return value, true
}

// fraction reads one to nine digits of a fraction as nanoseconds. Its size is
// 0 if there is none, or more than nine.
func fraction(b []byte) (nanos, size int) {
	for size < len(b) && '0' <= b[size] && b[size] <= '9' {
		if size == 9 {
			return 0, 0
		}
		nanos = nanos*10 + int(b[size]-'0')
		size++
	}
	for i := size; i < 9; i++ {
		nanos *= 10
	}
	return nanos, size
}

// zone reads Z or ±hh:mm as seconds east of Greenwich.
func zone(b []byte) (offset, size int) {
	if len(b) > 0 && b[0] == 'Z' {
		return 0, 1
	}
	if len(b) < len("+07:00") || b[3] != ':' || b[0] != '+' && b[0] != '-' {
		return 0, 0
	}
	hour, ok1 := digits(b[1:], 2)
	minute, ok2 := digits(b[4:], 2)
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, 0
	}
	offset = hour*3600 + minute*60
	if b[0] == '-' {
		offset = -offset
	}
	return offset, len("+07:00")
}
