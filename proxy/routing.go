package proxy

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// route returns the clients of the upstreams that a request goes to. An
// instance that begins with an upstream's prefix is that upstream's alone, or
// that of those which have the same prefix.
func route(clients []*client, r Request) []*client {
	prefix := ""
	for _, c := range clients {
		if len(c.InstancePrefix) > len(prefix) && strings.HasPrefix(r.Instance, c.InstancePrefix) {
			prefix = c.InstancePrefix
		}
	}
	var asked []*client
	for _, c := range clients {
		if c.Match.matches(r) && (prefix == "" || c.InstancePrefix == prefix) {
			asked = append(asked, c)
		}
	}
	return asked
}

// defaultNamespace is where providers look when a request names no namespace.
const defaultNamespace = "openfaas-fn"

func (m Match) matches(r Request) bool {
	return matchesAny(m.Namespaces, cmp.Or(r.Namespace, defaultNamespace)) && matchesAny(m.Names, r.Name)
}

func matchesAny(globs []string, s string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool {
		ok, _ := path.Match(glob, s) // a bad glob matches nothing
		return ok
	})
}

// translate is the request in the upstream's own terms.
func (u *Upstream) translate(r Request) Request {
	r.Instance = strings.TrimPrefix(r.Instance, u.InstancePrefix)
	return r
}
