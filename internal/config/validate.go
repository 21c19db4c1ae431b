package config

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// validate holds what takes more than one value to decide.
func (w *walker) validate(written *document, cfg *Config) {
	root := w.nodes[""]
	if root == nil || resolved(root).Kind != yaml.MappingNode {
		return // there is nothing to look at
	}
	w.serverTLS(cfg.Server.TLS)
	w.basicAuth(cfg.Server.BasicAuth)
	if len(cfg.Upstreams) == 0 && !w.broken["upstreams"] {
		w.add(w.at("upstreams"), "upstreams", "there must be at least one upstream")
	}
	named := map[string]int{}
	for i, u := range cfg.Upstreams {
		key := upstreamKey(i)
		if w.broken[key] {
			continue // it is no mapping
		}
		w.present(key+".name", "")
		w.present(key+".url", u.Name)
		w.unique(named, i, u.Name)
		w.orderedWaits(key, u)
		w.oneWay(key, u)
		w.upstreamTLS(key, written.Upstreams[i].TLS, u)
	}
}

func (w *walker) present(key, name string) {
	if w.nodes[key] == nil {
		w.add(w.at(key), key, "is missing%s", ofUpstream(name))
	}
}

func (w *walker) unique(named map[string]int, i int, name string) {
	if name == "" {
		return
	}
	first, taken := named[name]
	if !taken {
		named[name] = i
		return
	}
	at := w.at(upstreamKey(first) + ".name")
	key := upstreamKey(i) + ".name"
	w.add(w.at(key), key, "%s is already the name of %s in line %d", quoted(name), upstreamKey(first), at.Line)
}

func (w *walker) orderedWaits(upstream string, u Upstream) {
	minKey, maxKey := w.origin(upstream, "retry.min_wait"), w.origin(upstream, "retry.max_wait")
	if u.Retry.MinWait <= u.Retry.MaxWait || w.broken[minKey] || w.broken[maxKey] {
		return
	}
	// The nearest key that is written is what to change; there is one, as the built-in defaults fit.
	var key string
	for _, key = range []string{upstream + ".retry.min_wait", upstream + ".retry.max_wait", minKey, maxKey} {
		if w.nodes[key] != nil {
			break
		}
	}
	about := ""
	if strings.HasPrefix(key, upstream) { // what is wrong in defaults is told once, not for each upstream
		about = ofUpstream(u.Name)
	}
	w.add(w.at(key), key, "retry.min_wait %s is more than retry.max_wait %s%s", u.Retry.MinWait, u.Retry.MaxWait, about)
}

// A setting is a value with the path it comes from.
type setting struct{ key, value string }

func (w *walker) setting(upstream, key, value string) setting {
	return setting{w.origin(upstream, key), value}
}

// given says whether there was an attempt at a value. One that is broken is told already, not missing.
func (w *walker) given(s setting) bool { return s.value != "" || w.broken[s.key] }

// together wants both or none, and says whether it has both.
func (w *walker) together(a, b setting) bool {
	if w.given(a) == w.given(b) {
		return w.given(a)
	}
	has, lacks := a, b
	if w.given(b) {
		has, lacks = b, a
	}
	at := place(has, lacks)
	w.add(w.at(at), at, "%s and %s go together, %s is missing", lastName(a.key), lastName(b.key), lastName(lacks.key))
	return false
}

// place is the key to change of those that do not fit: the first that is the upstream's own,
// as others use what stands in `defaults`.
func place(settings ...setting) string {
	for _, s := range settings {
		if !strings.HasPrefix(s.key, "defaults.") {
			return s.key
		}
	}
	return settings[0].key
}

// origin is the path that an upstream's value comes from: its own key, or that of `defaults`.
func (w *walker) origin(upstream, key string) string {
	own := upstream + "." + key
	if w.nodes[own] != nil || strings.HasPrefix(key, "auth.") && w.ownAuth(upstream) {
		return own
	}
	return "defaults." + key
}

// at is where key's value stands in the file, or the nearest thing around it that is written there.
func (w *walker) at(key string) *yaml.Node {
	for {
		if n := w.nodes[key]; n != nil {
			return n
		}
		if key == "" {
			return &yaml.Node{Line: 1}
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
}

func ofUpstream(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (upstream %s)", name)
}
