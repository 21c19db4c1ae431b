package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Kinds are the values of a Kind.
func Kinds() []string { return Kind("").choices() }

// FromURLs is the configuration of providers of one kind of which nothing but the URLs is known: all
// else has its default. They are named after their hosts, with their ports and paths. The error quotes
// no URL, for one may hold a password, but counts them.
func FromURLs(kind Kind, urls ...string) (*Config, error) {
	cfg := &Config{Server: defaultServer(), Query: defaultQuery()}
	named := map[string]int{}
	for i, text := range urls {
		u, err := parseURL(text)
		if err == nil {
			err = checkUpstreamURL(u)
		}
		if err != nil {
			return nil, fmt.Errorf("URL %d %w", i+1, err)
		}
		name := nameOf(u)
		if first, taken := named[name]; taken {
			return nil, fmt.Errorf("URL %d leads to the same provider as URL %d", i+1, first)
		}
		named[name] = i + 1
		cfg.Upstreams = append(cfg.Upstreams, Upstream{Name: name, URL: u, Settings: defaultSettings(kind)})
	}
	return cfg, nil
}

// nameOf is a URL as a name, without what a request for an instance cannot hold.
func nameOf(u *url.URL) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '[' || r == ']':
			return -1 // around an IPv6 address
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:", r):
			return r
		}
		return '-'
	}, strings.TrimRight(u.Host+u.Path, "/"))
}
