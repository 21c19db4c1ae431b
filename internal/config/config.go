// Package config reads logmux's YAML file, strictly.
//
// A file goes through four steps, and every one of them reports all it finds before anything is given up:
//
//	bytes -> YAML nodes (read.go) -> Go values by struct tags (walk.go, scalar.go)
//	      -> each upstream's layers of defaults (defaults.go, kinds.go) -> rules over several keys (validate.go)
//
// A new key is a field with a yaml tag here and a line in defaults.go. A field's check tag names
// the rule its value must hold beyond its type, its file tag what a file must hold that it names;
// the rules are in checks.go and files.go.
//
// The package starts no goroutines and keeps no state.
package config

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"reflect"
	"time"
)

// Config is a valid configuration. Defaults are applied: no field waits for a default any more.
type Config struct {
	Server    Server
	Query     Query
	Upstreams []Upstream // at least one, in the file's order, which breaks ties between equal timestamps
}

// Server is how logmux meets its clients.
type Server struct {
	Listen          string        `yaml:"listen" check:"address"` // host:port; an empty host is every address
	TLS             ServerTLS     `yaml:"tls"`
	BasicAuth       BasicAuth     `yaml:"basic_auth"`
	MaxRequests     int           `yaml:"max_requests" check:"positive"`   // at once
	MaxQueueWait    time.Duration `yaml:"max_queue_wait"`                  // of a request that is one too many; 0 refuses it at once
	MemoryLimit     int64         `yaml:"memory_limit" check:"positive"`   // bytes, of all requests together
	WriteTimeout    time.Duration `yaml:"write_timeout" check:"positive"`  // of one blocked write to a client
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout"`                // 0 waits for no running request
	ReloadEndpoint  bool          `yaml:"reload_endpoint"`                 // POST /-/reload
	Passthrough     *url.URL      `yaml:"passthrough" check:"passthrough"` // of every path but logmux's own; without user info; nil is nowhere
}

// ServerTLS are the files of logmux's own certificate, in PEM. Either both or none of CertFile and
// KeyFile are set; without them logmux speaks plain HTTP. ClientCAFile needs them.
type ServerTLS struct {
	CertFile     string `yaml:"cert_file" file:"certificate"`
	KeyFile      string `yaml:"key_file" file:"key"`
	ClientCAFile string `yaml:"client_ca_file" file:"authorities"` // clients need a certificate that one of these signed; empty asks for none
}

// BasicAuth are the files of what clients must send. Either both or none are set. White space around their content is no part of it.
type BasicAuth struct {
	UserFile     string `yaml:"user_file" file:"user"`
	PasswordFile string `yaml:"password_file" file:"password"`
}

// Query is what holds for one request.
type Query struct {
	Timeout        time.Duration `yaml:"timeout" check:"positive"`         // of a bounded request in all
	BacklogTimeout time.Duration `yaml:"backlog_timeout" check:"positive"` // of a follow's first, historic part
	FollowTimeout  time.Duration `yaml:"follow_timeout"`                   // 0 follows until the client leaves
	ReorderWindow  time.Duration `yaml:"reorder_window"`                   // 0 sends each live line as it comes
	Keepalive      time.Duration `yaml:"keepalive" check:"positive"`       // between the blank lines of a silent follow
	Warnings       Warnings      `yaml:"warnings"`
	MemoryLimit    int64         `yaml:"memory_limit" check:"positive"` // bytes, of one request before it spills
	SpillDir       string        `yaml:"spill_dir" check:"directory"`   // empty is the system's temporary directory
	SpillLimit     int64         `yaml:"spill_limit"`                   // bytes of one request's files; 0 never spills
}

// Upstream is one log provider, or with a URL of dns+http:// or dns+https:// one for each address of the URL's host.
type Upstream struct {
	Name     string   `yaml:"name" check:"name"` // unique
	URL      *url.URL `yaml:"url" check:"url"`   // base of /system/logs, never nil; it may hold user info: print it with Redacted
	Settings          // what `defaults` can hold as well
}

// Settings are the keys that an upstream can take from `defaults`.
type Settings struct {
	Kind           Kind              `yaml:"kind"`
	Required       bool              `yaml:"required"`
	Match          Match             `yaml:"match"`
	Labels         Labels            `yaml:"labels"`
	Auth           Auth              `yaml:"auth"`
	Headers        map[string]string `yaml:"headers"` // by canonical name; values may be secrets
	TLS            TLS               `yaml:"tls"`     // may be set where the URL's scheme has no use for it
	DialTimeout    time.Duration     `yaml:"dial_timeout" check:"positive"`
	HeaderTimeout  time.Duration     `yaml:"header_timeout" check:"positive"`
	IdleTimeout    time.Duration     `yaml:"idle_timeout" check:"positive"`
	Retry          Retry             `yaml:"retry"`
	Breaker        Breaker           `yaml:"breaker"`
	Traits                           // preset by Kind
	PollInterval   time.Duration     `yaml:"poll_interval" check:"positive"`
	AbsentInterval time.Duration     `yaml:"absent_interval" check:"positive"`
	Overlap        time.Duration     `yaml:"overlap"`
	MaxLineBytes   int64             `yaml:"max_line_bytes" check:"positive"`
	ReplicaGroup   string            `yaml:"replica_group" check:"group"` // empty: in none
}

// Traits are how a provider answers. They are preset by its kind, see kinds.go.
type Traits struct {
	Ordered         bool          `yaml:"ordered"`
	SinceSlack      time.Duration `yaml:"since_slack"`
	TailMode        TailMode      `yaml:"tail_mode"`
	MaxLimit        int           `yaml:"max_limit"`    // lines in one answer; 0 is no cap
	MaxLookback     time.Duration `yaml:"max_lookback"` // age of the oldest since it accepts; 0 is any
	HonoursInstance bool          `yaml:"honours_instance"`
	FollowMode      FollowMode    `yaml:"follow_mode"`
}

// Match says which requests an upstream is asked for, as path.Match patterns. An empty list matches everything.
type Match struct {
	Namespaces []string `yaml:"namespaces" check:"glob"`
	Names      []string `yaml:"names" check:"glob"`
}

// Labels are rewritten into an upstream's lines. Empty ones rewrite nothing.
type Labels struct {
	Namespace      string `yaml:"namespace" check:"namespace"`
	InstancePrefix string `yaml:"instance_prefix" check:"instance"`
}

// Auth is how an upstream is asked: with basic auth, with a bearer token, with the client's own
// Authorization, or if zero with none of them. White space around a file's content is no part of it.
// An upstream with one of them has no user info in its URL, and no Authorization among its Headers.
type Auth struct {
	UserFile     string `yaml:"user_file" file:"user"` // set if and only if PasswordFile is
	PasswordFile string `yaml:"password_file" file:"password"`
	TokenFile    string `yaml:"token_file" file:"token"`
	Forward      bool   `yaml:"forward"`
}

// TLS is how an upstream proves who it is, and logmux to it. Files are in PEM.
type TLS struct {
	CAFile             string `yaml:"ca_file" file:"authorities"`   // empty is the system's
	CertFile           string `yaml:"cert_file" file:"certificate"` // set if and only if KeyFile is
	KeyFile            string `yaml:"key_file" file:"key"`
	ServerName         string `yaml:"server_name"` // in its certificate; empty is the URL's host
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}

// Breaker is when an upstream that keeps failing is not asked for a while.
type Breaker struct {
	Failures int           `yaml:"failures"` // in a row, before the first byte of an answer; 0 is never
	OpenFor  time.Duration `yaml:"open_for" check:"positive"`
}

// Retry is the backoff before the first byte of an answer.
type Retry struct {
	Max     int           `yaml:"max"` // tries after the first; 0 is none
	MinWait time.Duration `yaml:"min_wait" check:"positive"`
	MaxWait time.Duration `yaml:"max_wait" check:"positive"`
}

// Load reads the configuration file at path. Every error is a Problems.
// File names inside the file are relative to the working directory. The files are looked at, not kept:
// whoever uses them reads them again, as they may change.
func Load(path string) (*Config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		// The path is said once, by the problem itself.
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, Problems{{File: path, Message: "cannot be read: " + err.Error()}}
	}
	return Parse(path, src)
}

// Parse reads a configuration from src. Every error is a Problems, with all there is to report.
// The name file is only used in them.
func Parse(file string, src []byte) (*Config, error) {
	w := newWalker(file)
	doc := document{Server: defaultServer(), Query: defaultQuery()}
	if root := w.read(src); root != nil {
		// The upstreams of this pass only serve to find what is wrong, at its place in the file.
		w.value("", "", root, reflect.ValueOf(&doc).Elem())
	}
	cfg := &Config{Server: doc.Server, Query: doc.Query}
	for i := range doc.Upstreams {
		cfg.Upstreams = append(cfg.Upstreams, w.layered(i))
	}
	w.validate(&doc, cfg)
	if len(w.problems) > 0 {
		return nil, w.problems.sorted()
	}
	return cfg, nil
}

// document is the file as it is written.
type document struct {
	Server    Server     `yaml:"server"`
	Query     Query      `yaml:"query"`
	Defaults  Settings   `yaml:"defaults"`
	Upstreams []Upstream `yaml:"upstreams"`
}
