package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/terminal"
)

// config is the file's, or one made of the URLs, as far as it holds here.
func (o *logsOptions) config() (*config.Config, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	cfg.Query.Timeout = cmp.Or(o.timeout, cfg.Query.Timeout)
	if o.follow {
		return cfg, nil
	}
	for i := range cfg.Upstreams {
		// Lines of ordered upstreams would be printed while they arrive, and a
		// pager that is not read would hold them up until query.timeout. Gathered
		// first they wait for the reader, on disk if they are many.
		cfg.Upstreams[i].Ordered = false
	}
	return cfg, nil
}

func (o *logsOptions) load() (*config.Config, error) {
	if o.file != "" {
		return config.Load(o.file)
	}
	cfg, err := config.FromURLs(config.Kind(o.kind.value), o.urls...)
	if err != nil {
		return nil, &usageError{"logs: --url: " + err.Error()}
	}
	return cfg, nil
}

// tellApart makes the instances of text say which upstream logged a line, where
// there are several: its name is put before them, unless the config puts
// something there. It returns what stands before the instances of each upstream.
//
// An instance that is asked for may have that before it, whatever is printed. One
// that has not may be anybody's: then nothing is put before it, or the handler,
// which compares whole instances, would not find it.
func (o *logsOptions) tellApart(cfg *config.Config) (prefixes []string) {
	for _, u := range cfg.Upstreams {
		prefixes = append(prefixes, prefixOf(u))
	}
	named := ""
	for _, prefix := range prefixes {
		if strings.HasPrefix(o.instance, prefix) && len(prefix) > len(named) {
			named = prefix
		}
	}
	switch {
	case o.instance != "" && named == "":
	case o.format() == terminal.Text && len(cfg.Upstreams) > 1:
		for i, prefix := range prefixes {
			cfg.Upstreams[i].Labels.InstancePrefix = prefix
		}
	case named != "":
		o.narrow(cfg, named)
	}
	return prefixes
}

// prefixOf is what stands before the instances of an upstream where they are
// told apart. Copies of the same lines have the same, or they would be none: the
// group's.
func prefixOf(u config.Upstream) string {
	return cmp.Or(u.Labels.InstancePrefix, cmp.Or(u.ReplicaGroup, u.Name)+"/")
}

// narrow asks only the upstreams that the instance names, for what they call it.
// Where the prefix is the config's, the handler does that.
func (o *logsOptions) narrow(cfg *config.Config, prefix string) {
	others := func(u config.Upstream) bool { return prefixOf(u) != prefix }
	own := func(u config.Upstream) bool { return u.Labels.InstancePrefix == prefix }
	if slices.ContainsFunc(cfg.Upstreams, own) {
		return
	}
	cfg.Upstreams = slices.DeleteFunc(cfg.Upstreams, others)
	o.instance = strings.TrimPrefix(o.instance, prefix)
}
