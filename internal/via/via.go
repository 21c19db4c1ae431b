// Package via reads and writes the Via header, by which a request that comes back
// to where it was is known (RFC 9110, section 7.6.3).
package via

import (
	"crypto/rand"
	"slices"
	"strings"
)

// NewName returns a name for an instance that no other has.
func NewName() string { return "logmux-" + strings.ToLower(rand.Text()[:10]) }

// Names reports whether a Via header's fields name an instance.
func Names(fields []string, instance string) bool {
	for _, field := range fields {
		for hop := range strings.SplitSeq(field, ",") {
			// protocol, name, perhaps a comment
			if words := strings.Fields(hop); len(words) >= 2 && words[1] == instance {
				return true
			}
		}
	}
	return false
}

// Append returns the fields with an instance at their end that was asked by
// HTTP/1.1.
func Append(fields []string, instance string) []string {
	return append(slices.Clone(fields), "1.1 "+instance)
}
