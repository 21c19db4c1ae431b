package config

import (
	"fmt"
	"reflect"
	"time"

	"github.com/dustin/go-humanize"
)

func defaultServer() Server {
	return Server{
		Listen:          ":9195",
		TLS:             ServerTLS{},
		BasicAuth:       BasicAuth{},
		MaxRequests:     256,
		MaxQueueWait:    5 * time.Second,
		MemoryLimit:     humanize.GiByte,
		WriteTimeout:    30 * time.Second,
		ShutdownTimeout: 15 * time.Second,
		ReloadEndpoint:  false,
		Passthrough:     nil,
	}
}

func defaultQuery() Query {
	return Query{
		Timeout:        30 * time.Second,
		BacklogTimeout: 10 * time.Second,
		FollowTimeout:  55 * time.Second, // the gateway ends a log request after 60s, as broken chunking
		ReorderWindow:  time.Second,
		Keepalive:      15 * time.Second,
		Warnings:       WarningsInline,
		MemoryLimit:    64 * humanize.MiByte,
		SpillDir:       "",
		SpillLimit:     4 * humanize.GiByte,
	}
}

const defaultKind = KindFaasNetes

func defaultSettings(kind Kind) Settings {
	return Settings{
		Kind:           kind,
		Auth:           Auth{},
		TLS:            TLS{},
		DialTimeout:    3 * time.Second,
		HeaderTimeout:  10 * time.Second,
		IdleTimeout:    10 * time.Second,
		Retry:          Retry{Max: 2, MinWait: 100 * time.Millisecond, MaxWait: time.Second},
		Breaker:        Breaker{Failures: 3, OpenFor: 10 * time.Second},
		Traits:         presets[kind],
		PollInterval:   2 * time.Second,
		AbsentInterval: 10 * time.Second,
		Overlap:        5 * time.Second,
		MaxLineBytes:   humanize.MiByte,
	}
}

// layered is upstream i with its defaults. Later layers go over earlier ones, key by key inside mappings:
// the built-in defaults, the preset of its kind, the keys of `defaults`, its own keys.
// So a trait written in `defaults` holds for every kind, and `kind` itself may stand there.
//
// Only auth is replaced as a whole. It is a choice among ways: an upstream that names its own does not
// want that of `defaults` beside it, and {} is none.
func (w *walker) layered(i int) Upstream {
	kind := w.over(i, defaultSettings(defaultKind)).Kind
	return w.over(i, defaultSettings(kind))
}

// over puts the keys of `defaults` and of upstream i over base. Their problems are told already,
// and what a file holds has no say in it.
func (w *walker) over(i int, base Settings) Upstream {
	u := Upstream{Settings: base}
	silent := newWalker(w.file)
	silent.again = true
	if n := w.nodes["defaults"]; n != nil {
		silent.value("defaults", "", n, reflect.ValueOf(&u.Settings).Elem())
	}
	key := upstreamKey(i)
	if w.ownAuth(key) {
		u.Auth = Auth{}
	}
	silent.value(key, "", w.nodes[key], reflect.ValueOf(&u).Elem())
	return u
}

func (w *walker) ownAuth(upstream string) bool { return w.nodes[upstream+".auth"] != nil }

func upstreamKey(i int) string { return fmt.Sprintf("upstreams[%d]", i) }
