package main

import (
	"net/http"
	"time"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/merge"
	"github.com/openfaas-logmux/logmux/proxy"
)

// handler makes of a config what it describes.
func handler(cfg *config.Config) *proxy.Handler {
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
		h.Upstreams = append(h.Upstreams, upstream(&cfg.Upstreams[i]))
	}
	return h
}

func upstream(c *config.Upstream) proxy.Upstream {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	return proxy.Upstream{
		Name:            c.Name,
		URL:             c.URL,
		Required:        c.Required,
		Match:           proxy.Match{Namespaces: c.Match.Namespaces, Names: c.Match.Names},
		Namespace:       c.Labels.Namespace,
		InstancePrefix:  c.Labels.InstancePrefix,
		Header:          header,
		DialTimeout:     c.DialTimeout,
		HeaderTimeout:   c.HeaderTimeout,
		IdleTimeout:     c.IdleTimeout,
		Retry:           proxy.Retry{Max: c.Retry.Max, MinWait: c.Retry.MinWait, MaxWait: c.Retry.MaxWait},
		Ordered:         c.Ordered,
		SinceSlack:      c.SinceSlack,
		TailMode:        proxy.TailMode(c.TailMode),
		MaxLimit:        c.MaxLimit,
		MaxLookback:     c.MaxLookback,
		ReplicaGroup:    c.ReplicaGroup,
		FollowMode:      proxy.FollowMode(c.FollowMode),
		PollInterval:    c.PollInterval,
		AbsentInterval:  c.AbsentInterval,
		Overlap:         orNone(c.Overlap),
		HonoursInstance: c.HonoursInstance,
		MaxLineBytes:    int(c.MaxLineBytes),
	}
}

// orNone makes of a config's zero, which is none, what the proxy takes for
// none: its zero values are defaults.
func orNone[T time.Duration | int64](n T) T {
	if n == 0 {
		return -1
	}
	return n
}
