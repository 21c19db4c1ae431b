package main

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"time"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/fresh"
	"github.com/openfaas-logmux/logmux/internal/server"
	"github.com/openfaas-logmux/logmux/merge"
	"github.com/openfaas-logmux/logmux/proxy"
)

// handler makes of a config what it describes.
func handler(cfg *config.Config, logger *slog.Logger) *proxy.Handler {
	h := &proxy.Handler{
		Timeout:        cfg.Query.Timeout,
		BacklogTimeout: cfg.Query.BacklogTimeout,
		FollowTimeout:  cfg.Query.FollowTimeout,
		ReorderWindow:  orNone(cfg.Query.ReorderWindow),
		Keepalive:      cfg.Query.Keepalive,
		WriteTimeout:   cfg.Server.WriteTimeout,
		NoWarnings:     cfg.Query.Warnings == config.WarningsOff,
		MemoryLimit:    cfg.Query.MemoryLimit,
		Shared:         &merge.Budget{Limit: cfg.Server.MemoryLimit},
		SpillDir:       cfg.Query.SpillDir,
		SpillLimit:     orNone(cfg.Query.SpillLimit),
	}
	for i := range cfg.Upstreams {
		h.Upstreams = append(h.Upstreams, upstream(&cfg.Upstreams[i], logger))
	}
	return h
}

// site makes of a config how it is served, but for the logs themselves.
func site(cfg *config.Config, name string, logger *slog.Logger) *server.Site {
	s := &server.Site{
		ReloadEndpoint:  cfg.Server.ReloadEndpoint,
		MaxRequests:     cfg.Server.MaxRequests,
		MaxQueueWait:    cfg.Server.MaxQueueWait,
		WriteTimeout:    cfg.Server.WriteTimeout,
		ShutdownTimeout: cfg.Server.ShutdownTimeout,
	}
	if c := cfg.Server.TLS; c != (config.ServerTLS{}) {
		s.TLS = reread(fresh.ServerTLS(c.CertFile, c.KeyFile, c.ClientCAFile), logger).Get
	}
	if c := cfg.Server.BasicAuth; c != (config.BasicAuth{}) {
		want := reread(fresh.Credentials(c.UserFile, c.PasswordFile), logger)
		s.Authorized = server.BasicAuth(func() (user, password string, err error) {
			got, err := want.Get()
			return got.User, got.Password, err
		})
	}
	if target := cfg.Server.Passthrough; target != nil {
		s.Passthrough = &server.Passthrough{Target: target, Via: name, Logger: logger}
	}
	return s
}

func upstream(c *config.Upstream, logger *slog.Logger) proxy.Upstream {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	u := proxy.Upstream{
		Name:                 c.Name,
		URL:                  c.URL,
		Required:             c.Required,
		Match:                proxy.Match{Namespaces: c.Match.Namespaces, Names: c.Match.Names},
		Namespace:            c.Labels.Namespace,
		InstancePrefix:       c.Labels.InstancePrefix,
		Header:               header,
		ForwardAuthorization: c.Auth.Forward,
		DialTimeout:          c.DialTimeout,
		HeaderTimeout:        c.HeaderTimeout,
		IdleTimeout:          c.IdleTimeout,
		Breaker:              proxy.Breaker{Failures: c.Breaker.Failures, OpenFor: c.Breaker.OpenFor},
		Retry:                proxy.Retry{Max: c.Retry.Max, MinWait: c.Retry.MinWait, MaxWait: c.Retry.MaxWait},
		Ordered:              c.Ordered,
		SinceSlack:           c.SinceSlack,
		TailMode:             proxy.TailMode(c.TailMode),
		MaxLimit:             c.MaxLimit,
		MaxLookback:          c.MaxLookback,
		ReplicaGroup:         c.ReplicaGroup,
		FollowMode:           proxy.FollowMode(c.FollowMode),
		PollInterval:         c.PollInterval,
		AbsentInterval:       c.AbsentInterval,
		Overlap:              orNone(c.Overlap),
		HonoursInstance:      c.HonoursInstance,
		MaxLineBytes:         int(c.MaxLineBytes),
	}
	u.Authorization = authorization(c.Auth, logger)
	if t := c.TLS; t != (config.TLS{}) {
		u.TLS = reread(fresh.ClientTLS(t.CAFile, t.CertFile, t.KeyFile, t.ServerName, t.InsecureSkipVerify), logger).Get
	}
	return u
}

// authorization returns what makes the Authorization header of each request,
// nil for none.
func authorization(c config.Auth, logger *slog.Logger) func() (string, error) {
	switch {
	case c.TokenFile != "":
		token := reread(fresh.Secret(c.TokenFile), logger)
		return func() (string, error) {
			text, err := token.Get()
			return "Bearer " + text, err
		}
	case c.UserFile != "" || c.PasswordFile != "":
		credentials := reread(fresh.Credentials(c.UserFile, c.PasswordFile), logger)
		return func() (string, error) {
			got, err := credentials.Get()
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(got.User+":"+got.Password)), err
		}
	}
	return nil
}

// reread lets the operator know when a file that changes cannot be used: the last
// good one is, until then.
func reread[T any](v *fresh.Value[T], logger *slog.Logger) *fresh.Value[T] {
	v.Failed = func(err error) {
		logger.Error("a file that has changed cannot be used, what it held before is", "error", err)
	}
	return v
}

// orNone makes of a config's zero, which is none, what the proxy takes for
// none: its zero values are defaults.
func orNone[T time.Duration | int64](n T) T {
	if n == 0 {
		return -1
	}
	return n
}
