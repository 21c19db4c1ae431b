package main

import (
	"errors"
	"flag"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openfaas-logmux/logmux/internal/config"
	"github.com/openfaas-logmux/logmux/internal/terminal"
	"github.com/openfaas-logmux/logmux/proxy"
)

// logsOptions are what logmux logs was asked for.
type logsOptions struct {
	file      string // exactly one of these two
	urls      list
	kind      choice
	kindGiven bool

	name, namespace, instance string
	since                     time.Time // zero for none
	tail                      count
	follow, noFollow          bool
	timeout                   time.Duration // 0 for the config's

	output, color choice
	timestamps    bool
	strict        bool
}

// The variables that stand in for --config and --url.
const (
	configVariable = "LOGMUX_CONFIG"
	urlVariable    = "LOGMUX_URL"
)

// followTail is how much of the past a follow begins with that asks for neither
// a tail nor a since: as much as tail -f, journalctl -f and, for several pods,
// kubectl logs -f show.
const followTail = 10

func (o *logsOptions) flags(since *string) *flag.FlagSet {
	o.kind = choice{string(config.KindGeneric), config.Kinds()}
	o.output = choice{string(terminal.Text), []string{string(terminal.Text), string(terminal.JSON), string(terminal.Raw)}}
	o.color = choice{string(terminal.Auto), []string{string(terminal.Auto), string(terminal.Always), string(terminal.Never)}}

	flags := flag.NewFlagSet("logs", flag.ContinueOnError)
	flags.StringVar(&o.file, "config", "", "ask the upstreams of this config `FILE`; without it and --url, of $"+configVariable)
	flags.Var(&o.urls, "url", "ask the provider, logmux or gateway at this `URL`; may be given several times; without it and --config, those in $"+urlVariable)
	flags.Var(&o.kind, "kind", "the `KIND` of what is at --url, or behind the gateway there")
	for _, name := range []string{"n", "namespace"} {
		flags.StringVar(&o.namespace, name, "", "the function's `NAMESPACE`")
	}
	flags.StringVar(&o.instance, "instance", "", "only lines of this `INSTANCE`, with its upstream as the output has it, or without")
	flags.StringVar(since, "since", "", "only lines from this `TIME` on: how long ago (10m, 1h30m, 2d) or RFC 3339; the default is each provider's own")
	flags.Var(&o.tail, "tail", "only the newest `N` lines, or with --follow what it begins with; -1 is all of them, and the default, but 10 with --follow and no --since")
	for _, name := range []string{"f", "follow"} {
		flags.BoolVar(&o.follow, name, false, "go on with new lines as they are logged, until Ctrl-C")
	}
	flags.BoolVar(&o.noFollow, "no-follow", false, "do not: the default, for those used to stern")
	flags.DurationVar(&o.timeout, "timeout", 0, "without --follow: the `DURATION` after which what has arrived is printed; the default is the config's query.timeout")
	for _, name := range []string{"o", "output"} {
		flags.Var(&o.output, name, "the `FORMAT` of lines: text; json, as they came; or raw, their text alone")
	}
	flags.Var(&o.color, "color", "`WHEN` there are colours: auto is on a terminal, without $NO_COLOR")
	for _, name := range []string{"t", "timestamps"} {
		flags.BoolVar(&o.timestamps, name, false, "begin each line with its time")
	}
	flags.BoolVar(&o.strict, "strict", false, "exit with status 1 if an upstream failed or anything else is missing")
	return flags
}

// parseLogs reads the arguments. Its errors are *usageError and *helpError.
func parseLogs(args []string, now time.Time) (*logsOptions, error) {
	o, since := &logsOptions{}, ""
	flags := o.flags(&since)
	rest, err := parse(flags, args, "NAME")
	if err != nil {
		return nil, err
	}
	flags.Visit(func(f *flag.Flag) { o.kindGiven = o.kindGiven || f.Name == "kind" })
	o.name = rest[0]
	if since != "" {
		if o.since, err = parseSince(since, now); err != nil {
			return nil, logsUsage("--since", err)
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.follow && o.tail.given && o.tail.n == 0 && o.since.Before(now) {
		o.since = now
	}
	return o, nil
}

func logsUsage(what string, err error) error {
	return &usageError{"logs: " + what + ": " + err.Error()}
}

// check finds what cannot be asked for.
func (o *logsOptions) check() error {
	switch {
	case o.follow && o.noFollow:
		return &usageError{"logs: --follow and --no-follow exclude each other"}
	case !o.follow && o.tail.given && o.tail.n == 0:
		return logsUsage("--tail", errors.New("0 asks for no line at all; -1 is all of them"))
	case o.follow && o.timeout != 0:
		return &usageError{"logs: --timeout is of use only without --follow"}
	case o.timeout < 0:
		return logsUsage("--timeout", errors.New("must not be negative"))
	}
	if _, err := proxy.ParseRequest(o.query()); err != nil {
		return &usageError{"logs: " + err.Error()}
	}
	return o.source()
}

// source finds out whom to ask: the flags say it, or else the environment.
func (o *logsOptions) source() error {
	given := "--config and --url"
	if o.file == "" && len(o.urls) == 0 {
		given = "$" + configVariable + " and $" + urlVariable
		o.file, o.urls = os.Getenv(configVariable), strings.Fields(os.Getenv(urlVariable))
	}
	switch {
	case o.file == "" && len(o.urls) == 0:
		return &usageError{"logs: --config FILE or --url URL is missing"}
	case o.file != "" && len(o.urls) > 0:
		return &usageError{"logs: " + given + " exclude each other"}
	case o.file != "" && o.kindGiven:
		return &usageError{"logs: --kind is of use only with --url"}
	}
	return nil
}

// request is what the handler is asked.
func (o *logsOptions) request() proxy.Request {
	r, _ := proxy.ParseRequest(o.query()) // check has looked at the error
	return r
}

// query is the request as it is sent.
func (o *logsOptions) query() url.Values {
	q := url.Values{
		"name":     {o.name},
		"warnings": {"inline"}, // for stderr, whatever the config says of answers
	}
	if o.namespace != "" {
		q.Set("namespace", o.namespace)
	}
	if o.instance != "" {
		q.Set("instance", o.instance)
	}
	if !o.since.IsZero() {
		q.Set("since", o.since.Format(time.RFC3339Nano))
	}
	if o.follow {
		q.Set("follow", "true")
	}
	switch {
	case o.tail.given:
		q.Set("tail", strconv.Itoa(o.tail.n))
	case o.follow && o.since.IsZero():
		q.Set("tail", strconv.Itoa(followTail))
	}
	return q
}

func (o *logsOptions) format() terminal.Format { return terminal.Format(o.output.value) }
func (o *logsOptions) colours() terminal.When  { return terminal.When(o.color.value) }
