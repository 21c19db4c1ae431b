package main

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestLogsOptions(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name  string
		args  string // and --config FILE figlet
		query string
	}{
		{"nothing but a name", "", "name=figlet"},
		{"namespace", "-n dev", "name=figlet&namespace=dev"},
		{"namespace, long", "--namespace=dev", "name=figlet&namespace=dev"},
		{"instance", "--instance eu/figlet-1", "name=figlet&instance=eu/figlet-1"},
		{"since", "--since 1d", "name=figlet&since=2026-02-28T12:00:00Z"},
		{"tail", "--tail 20", "name=figlet&tail=20"},
		{"all", "--tail -1", "name=figlet&tail=-1"},
		{"no follow", "--no-follow", "name=figlet"},
		{"a follow begins with a few lines", "-f", "name=figlet&follow=true&tail=10"},
		{"but with all since", "-f --since 1m", "name=figlet&follow=true&since=2026-03-01T11:59:00Z"},
		{"or as many as asked", "--follow --since 1m --tail 5", "name=figlet&follow=true&since=2026-03-01T11:59:00Z&tail=5"},
		{"or with all", "-f --tail=-1", "name=figlet&follow=true&tail=-1"},
		{"or with none", "-f --tail 0", "name=figlet&follow=true&since=2026-03-01T12:00:00Z&tail=0"},
		{"none of a longer past", "-f --tail 0 --since 1h", "name=figlet&follow=true&since=2026-03-01T12:00:00Z&tail=0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parseLogs(append([]string{"figlet", "--config", "FILE"}, strings.Fields(tt.args)...), now)
			if err != nil {
				t.Fatal(err)
			}
			want, err := url.ParseQuery(tt.query + "&warnings=inline")
			if err != nil {
				t.Fatal(err)
			}
			if got := o.query().Encode(); got != want.Encode() {
				t.Errorf("got %s, want %s", got, want.Encode())
			}
		})
	}
}

func TestLogsSource(t *testing.T) {
	for _, tt := range []struct {
		name              string
		config, urls      string // the environment
		args              string
		file, asked, kind string
		problem           string
	}{
		{name: "a file", args: "--config a.yaml", file: "a.yaml", kind: "generic"},
		{name: "a URL", args: "--url http://a --kind logmux", asked: "http://a", kind: "logmux"},
		{name: "URLs", args: "--url http://a --url http://b", asked: "http://a http://b", kind: "generic"},
		{name: "neither", problem: "--config FILE or --url URL is missing"},
		{name: "both", args: "--config a.yaml --url http://a", problem: "--config and --url exclude each other"},
		{name: "a file by environment", config: "e.yaml", file: "e.yaml", kind: "generic"},
		{name: "URLs by environment", urls: " http://e  http://f ", asked: "http://e http://f", kind: "generic"},
		{name: "both by environment", config: "e.yaml", urls: "http://e", problem: "$LOGMUX_CONFIG and $LOGMUX_URL exclude each other"},
		{name: "flags before the environment", config: "e.yaml", urls: "http://e", args: "--url http://a", asked: "http://a", kind: "generic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(configVariable, tt.config)
			t.Setenv(urlVariable, tt.urls)
			o, err := parseLogs(append([]string{"figlet"}, strings.Fields(tt.args)...), time.Now())
			var wrong *usageError
			switch {
			case tt.problem != "":
				if !errors.As(err, &wrong) || wrong.problem != "logs: "+tt.problem {
					t.Errorf("got %v, want %s", err, tt.problem)
				}
			case err != nil:
				t.Error(err)
			case o.file != tt.file || o.urls.String() != tt.asked || o.kind.value != tt.kind:
				t.Errorf("got %q, %q and %q", o.file, o.urls.String(), o.kind.value)
			}
		})
	}
}

func TestLogsUsage(t *testing.T) {
	t.Setenv(configVariable, "")
	t.Setenv(urlVariable, "")
	for _, tt := range []struct{ args, problem string }{
		{"", "NAME is missing"},
		{"--url http://a", "NAME is missing"},
		{"figlet env --url http://a", `unexpected argument "env"`},
		{"figlet", "--config FILE or --url URL is missing"},
		{"fig'let --url http://a", `name: "fig'let" may hold only letters, digits and -_.`},
		{"figlet --url http://a -n a/b", `namespace: "a/b" may hold only letters, digits and -_.`},
		{"figlet --url http://a --instance a'b", `instance: "a'b" may hold only`},
		{"figlet --url http://a --since yesterday", "--since: must be how long ago, such as 10m"},
		{"figlet --url http://a --tail many", `invalid value "many" for flag -tail: must be a whole number`},
		{"figlet --url http://a --tail 0", "--tail: 0 asks for no line at all; -1 is all of them"},
		{"figlet --url http://a -f --no-follow", "--follow and --no-follow exclude each other"},
		{"figlet --url http://a --timeout -1s", "--timeout: must not be negative"},
		{"figlet --url http://a --timeout 5", `invalid value "5" for flag -timeout`},
		{"figlet --url http://a -f --timeout 5s", "--timeout is of use only without --follow"},
		{"figlet --config a.yaml --kind logmux", "--kind is of use only with --url"},
		{"figlet --url http://a -o yaml", `invalid value "yaml" for flag -o: must be text, json or raw`},
		{"figlet --url http://a --color yes", `invalid value "yes" for flag -color: must be auto, always or never`},
		{"figlet --url http://a --kind loki", `invalid value "loki" for flag -kind: must be faas-netes, faasd, openfaas-loki, logmux or generic`},
		{"figlet --url user:secret@a", "--url: URL 1 must start with http:// or https://"},
		{"figlet --lines 5", "flag provided but not defined: -lines"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"logs"}, strings.Fields(tt.args)...), &stdout, &stderr)
			if code != exitUsage || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "logmux: logs: "+tt.problem) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
			}
			if strings.Contains(stderr.String(), "secret") {
				t.Errorf("stderr shows a password: %q", &stderr)
			}
		})
	}
}
