package main

import (
	"net/http"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/merge"
	"github.com/openfaas-logmux/logmux/proxy"
)

// handler makes of a config what it describes.
func handler(cfg *config.Config) *proxy.Handler {
	h := &proxy.Handler{
		Timeout:      cfg.Query.Timeout,
		WriteTimeout: cfg.Server.WriteTimeout,
		NoWarnings:   cfg.Query.Warnings == config.WarningsOff,
		MemoryLimit:  cfg.Query.MemoryLimit,
		Shared:       &merge.Budget{Limit: cfg.Server.MemoryLimit},
		SpillDir:     cfg.Query.SpillDir,
		SpillLimit:   cfg.Query.SpillLimit,
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
		HonoursInstance: c.HonoursInstance,
		MaxLineBytes:    int(c.MaxLineBytes),
	}
}
