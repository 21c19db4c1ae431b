package config

import (
	"strings"
	"testing"
)

// Every value is given to a key in line 4.
func TestValueProblems(t *testing.T) {
	const (
		notList    = "must be a list, not "
		notMapping = "must be a mapping, not "
		notSingle  = "must be a single value, not "
		empty      = "empty; leave the key out to keep its default"
	)
	for _, tt := range []struct{ key, value, want string }{
		{"dial_timeout", "3", `"3" has no unit, write 3s`},
		{"dial_timeout", `"3"`, `"3" has no unit, write 3s`},
		{"dial_timeout", "1.5", `"1.5" has no unit, write 1.5s`},
		{"dial_timeout", "-3", `"-3" has no unit, write 3s`},
		{"dial_timeout", "3 s", `"3 s" is no duration, write one such as 500ms, 10s or 1h30m`},
		{"dial_timeout", "3d", `"3d" is no duration, write one such as 500ms, 10s or 1h30m`},
		{"dial_timeout", `""`, `"" is no duration, write one such as 500ms, 10s or 1h30m`},
		{"dial_timeout", "9999999h", `"9999999h" is no duration, write one such as 500ms, 10s or 1h30m`},
		{"dial_timeout", "soon, " + strings.Repeat("very ", 20), `"soon, very very very very very very very..." is no duration, write one such as 500ms, 10s or 1h30m`},
		{"dial_timeout", "-3s", "must not be negative"},
		{"dial_timeout", "0", "must be more than 0"},
		{"dial_timeout", "0s", "must be more than 0"},
		{"header_timeout", "0", "must be more than 0"},
		{"idle_timeout", "0", "must be more than 0"},
		{"poll_interval", "0", "must be more than 0"},
		{"absent_interval", "0", "must be more than 0"},
		{"overlap", "0", ""},
		{"since_slack", "0", ""},
		{"max_lookback", "0", ""},
		{"overlap", "-1s", "must not be negative"},
		{"dial_timeout", "", notSingle + empty},
		{"dial_timeout", "~", notSingle + empty},
		{"dial_timeout", "[3s]", notSingle + "a list"},
		{"dial_timeout", "{s: 3}", notSingle + "a mapping"},
		{"dial_timeout", "!!str 3s", "YAML tags have no meaning here, a value that starts with ! needs quotes"},

		{"max_line_bytes", "1024", `"1024" has no unit, write 1024MiB or 1024B`},
		{"max_line_bytes", "-1MiB", "must not be negative"},
		{"max_line_bytes", "0", "must be more than 0"},
		{"max_line_bytes", "1M", `"1M" is no size, write one such as 512KiB, 64MiB or 1.5GiB`},
		{"max_line_bytes", "1Mi", `"1Mi" is no size, write one such as 512KiB, 64MiB or 1.5GiB`},
		{"max_line_bytes", "1,5MiB", `"1,5MiB" is no size, write one such as 512KiB, 64MiB or 1.5GiB`},
		{"max_line_bytes", "8EiB", `"8EiB" is too large`},
		{"max_line_bytes", "99999999999999999999B", `"99999999999999999999B" is too large`},

		{"max_limit", "many", `"many" is no count, write a plain number such as 3`},
		{"max_limit", `"3"`, `"3" is no count, write a plain number such as 3`},
		{"max_limit", "3.5", `"3.5" is no count, write a plain number such as 3`},
		{"max_limit", "99999999999999999999", `"99999999999999999999" is no count, write a plain number such as 3`},
		{"max_limit", "-1", "must not be negative"},

		{"ordered", "yes", `"yes" is neither true nor false`},
		{"ordered", `"true"`, `"true" is neither true nor false`},
		{"ordered", "1", `"1" is neither true nor false`},
		{"ordered", "[]", notSingle + "a list"},

		{"kind", "netes", `"netes" is not one of faas-netes, faasd, openfaas-loki, logmux, generic`},
		{"kind", "Faasd", `"Faasd" is not one of faas-netes, faasd, openfaas-loki, logmux, generic`},
		{"tail_mode", "", notSingle + empty},
		{"tail_mode", "latest", `"latest" is not one of newest, oldest, all`},
		{"follow_mode", "push", `"push" is not one of stream, poll`},

		{"replica_group", "EU", `"EU" may only hold a-z, 0-9 and -`},

		{"match", "prod", notMapping + "a single value"},
		{"match", "[prod]", notMapping + "a list"},
		{"labels", "", notMapping + empty},
		{"headers", "", notMapping + empty},
		{"headers", "[a]", notMapping + "a list"},
		{"retry", "3", notMapping + "a single value"},
		{"auth", "s3cret", notMapping + "a single value"},
		{"auth", "", notMapping + empty},
		{"tls", "true", notMapping + "a single value"},
		{"breaker", "3", notMapping + "a single value"},

		{"auth", "{}", ""},
		{"auth", `{user_file: "", password_file: "", token_file: "", forward: false}`, ""},
		{"tls", "{}", ""},
		{"breaker", "{failures: 0}", ""},
	} {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			want := []string{"4: upstreams[0]." + tt.key + ": " + tt.want}
			if tt.want == "" {
				want = nil
			}
			expect(t, upstream(tt.key+": "+tt.value), want...)
		})
	}
	for _, tt := range []struct{ key, value, sub, want string }{
		{"match", "{names: prod}", "names", notList + "a single value"},
		{"match", "{names: [a, [b]]}", "names[1]", notSingle + "a list"},
		{"match", "{names: [a, ~]}", "names[1]", notSingle + empty},
		{"match", "{names: ['[a']}", "names[0]", `"[a" is no valid pattern, see Go's path.Match`},
		{"match", "{namespaces: ['']}", "namespaces[0]", "an empty pattern matches nothing, leave it out"},
		{"labels", "{namespace: a b}", "namespace", `"a b" may only hold letters, digits and -_.`},
		{"labels", "{namespace: a/b}", "namespace", `"a/b" may only hold letters, digits and -_.`},
		{"labels", "{instance_prefix: 'a\"'}", "instance_prefix", `"a\"" may only hold letters, digits and -_./:`},
		{"headers", "{X Y: s3cret}", "?", "is not a valid header name"},
		{"headers", "{'': s3cret}", "?", "is not a valid header name"},
		{"headers", "{Host: s3cret}", "Host", "cannot be fixed, it is set for each request"},
		{"headers", "{via: s3cret}", "via", "cannot be fixed, it is set for each request"},
		{"headers", `{X-A: "s3cret\r\nX-B: 1"}`, "X-A", "a header's value cannot hold line breaks or control characters"},
		{"headers", "{X-A: ~}", "X-A", notSingle + empty},
		{"headers", "{X-A: [s3cret]}", "X-A", notSingle + "a list"},
		{"headers", "{X-A: !s3cret b}", "X-A", "YAML tags have no meaning here, a value that starts with ! needs quotes"},
		{"retry", "{max: -1}", "max", "must not be negative"},
		{"retry", "{min_wait: 0}", "min_wait", "must be more than 0"},
		{"retry", "{max_wait: 0}", "max_wait", "must be more than 0"},
		{"breaker", "{failures: -1}", "failures", "must not be negative"},
		{"breaker", "{failures: none}", "failures", `"none" is no count, write a plain number such as 3`},
		{"breaker", "{open_for: 0}", "open_for", "must be more than 0"},
		{"breaker", "{openfor: 1s}", "openfor", "unknown key; did you mean open_for?"},
		{"auth", "{forward: yes}", "forward", `"yes" is neither true nor false`},
		{"auth", "{token: s3cret}", "token", "unknown key"},
		{"auth", "{token_file: ~}", "token_file", notSingle + empty},
		{"auth", "{token_file: [s3cret]}", "token_file", notSingle + "a list"},
		{"auth", "{token_file: !s3cret b}", "token_file", "YAML tags have no meaning here, a value that starts with ! needs quotes"},
		{"tls", "{insecure_skip_verify: 1}", "insecure_skip_verify", `"1" is neither true nor false`},
		{"retry", "{min_wait: 2s}", "min_wait", "retry.min_wait 2s is more than retry.max_wait 1s (upstream eu)"},
		{"retry", "{max_wait: 50ms}", "max_wait", "retry.min_wait 100ms is more than retry.max_wait 50ms (upstream eu)"},
	} {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			expect(t, upstream(tt.key+": "+tt.value), "4: upstreams[0]."+tt.key+"."+tt.sub+": "+tt.want)
		})
	}
}

func TestServerAndQueryProblems(t *testing.T) {
	const address = ` is no address, write one such as :9195 or 127.0.0.1:9195`
	for _, tt := range []struct{ section, key, value, want string }{
		{"server", "listen", `""`, `""` + address},
		{"server", "listen", "9195", `"9195"` + address},
		{"server", "listen", "localhost", `"localhost"` + address},
		{"server", "listen", "localhost:http", `"localhost:http"` + address},
		{"server", "listen", ":65536", `":65536"` + address},
		{"server", "listen", "http://u:s3cret@eu:1", "this value" + address},
		{"server", "write_timeout", "0", "must be more than 0"},
		{"server", "shutdown_timeout", "-1s", "must not be negative"},
		{"server", "memory_limit", "0", "must be more than 0"},
		{"server", "max_requests", "0", "must be more than 0"},
		{"server", "max_requests", "-1", "must not be negative"},
		{"server", "max_requests", "many", `"many" is no count, write a plain number such as 3`},
		{"server", "max_queue_wait", "0", ""},
		{"server", "max_queue_wait", "5", `"5" has no unit, write 5s`},
		{"server", "max_queue_wait", "-1s", "must not be negative"},
		{"server", "reload_endpoint", "on", `"on" is neither true nor false`},
		{"server", "tls", "true", "must be a mapping, not a single value"},
		{"server", "basic_auth", "u:s3cret", "must be a mapping, not a single value"},
		{"query", "timeout", "0", "must be more than 0"},
		{"query", "backlog_timeout", "0", "must be more than 0"},
		{"query", "keepalive", "0", "must be more than 0"},
		{"query", "follow_timeout", "0", ""},
		{"query", "reorder_window", "0", ""},
		{"query", "warnings", "on", `"on" is not one of inline, off`},
		{"query", "memory_limit", "0", "must be more than 0"},
		{"query", "spill_dir", "/no/such/place", `"/no/such/place" does not exist`},
		{"query", "spill_dir", "config_test.go", `"config_test.go" is not a directory`},
		{"query", "spill_dir", "config_test.go/x", `"config_test.go/x" cannot be used`},
	} {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{"3: " + tt.section + "." + tt.key + ": " + tt.want}
			}
			expect(t, minimal+tt.section+":\n  "+tt.key+": "+tt.value+"\n", want...)
		})
	}
}

const (
	invalidURL = "is not a valid URL, write one such as https://faas.example.com"
	wrongStart = "must start with http:// or https://"
)

func TestNameAndURLProblems(t *testing.T) {
	const (
		isAddress = "has an IP address for its host, and with dns+ needs a name; leave dns+ out"
		wrongDNS  = "must start with dns+http:// or dns+https://, or with http:// or https://"
	)
	for _, tt := range []struct{ url, want string }{
		{"http://eu", ""},
		{"https://u:s3cret@eu:1/a/b/", ""},
		{"http://[::1]:8080", ""},
		{"''", wrongStart},
		{"eu.example.com", wrongStart},
		{"/logs", wrongStart},
		{"ftp://u:s3cret@eu", wrongStart},
		{"u:s3cret@eu", wrongStart},
		{"http:eu", "has no host"},
		{"http://", "has no host"},
		{"http://:8080", "has no host"},
		{"http://eu:65536", "has a port that is not from 1 to 65535"},
		{"http://eu:0", "has a port that is not from 1 to 65535"},
		{"http://eu:99999999999999999999", "has a port that is not from 1 to 65535"},
		{"http://eu?token=s3cret", "must not have a query (?...)"},
		{"http://eu?", "must not have a query (?...)"},
		{"http://eu#s3cret", "must not have a fragment (#...)"},
		{"'http://eu#'", "must not have a fragment (#...)"},
		{"http://u:s3cret%zz@eu", invalidURL},
		{"http://u:s3c ret@eu", invalidURL},
		{"http://u:s3cret@eu:port", invalidURL},
		{"http://u:12/s3cret@eu", "must not have an @ after its host; in a password write / as %2F"},
		{"http://eu/system/logs/", "must not end in /system/logs, which is added"},

		{"dns+http://faas.internal:8080", ""},
		{"dns+https://u:s3cret@faas.internal/base", ""},
		{"DNS+HTTP://faas.internal", ""},
		{"dns+http://10.0.0.1:8080", isAddress},
		{"dns+https://[::1]", isAddress},
		{"dns+http://[fe80::1%25eth0]:80", isAddress},
		{"dns+http://:8080", "has no host"},
		{"dns+http://eu:0", "has a port that is not from 1 to 65535"},
		{"dns+http://eu?token=s3cret", "must not have a query (?...)"},
		{"dns+http://eu/system/logs", "must not end in /system/logs, which is added"},
		{"dns+http://u:12/s3cret@eu", "must not have an @ after its host; in a password write / as %2F"},
		{"dns+u:s3cret@eu", wrongDNS},
		{"dns+eu:8080", wrongDNS},
		{"dns://eu:8080", wrongDNS},
	} {
		t.Run(tt.url, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{"3: upstreams[0].url: " + tt.want}
			}
			expect(t, "upstreams:\n  - name: eu\n    url: "+tt.url+"\n", want...)
		})
	}
	for _, tt := range []struct{ name, want string }{
		{"''", `"" may only hold a-z, 0-9 and -, at least one`},
		{"EU", `"EU" may only hold a-z, 0-9 and -, at least one`},
		{"a_b", `"a_b" may only hold a-z, 0-9 and -, at least one`},
		{`"a\n"`, `"a\n" may only hold a-z, 0-9 and -, at least one`},
		{"u:s3cret@eu", `this value may only hold a-z, 0-9 and -, at least one`},
		{"[eu]", "must be a single value, not a list"},
	} {
		t.Run("name "+tt.name, func(t *testing.T) {
			expect(t, "upstreams:\n  - url: http://eu\n    name: "+tt.name+"\n", "3: upstreams[0].name: "+tt.want)
		})
	}
}

func TestPassthroughProblems(t *testing.T) {
	const userInfo = "must not have user info: the clients' own credentials are passed on"
	for _, tt := range []struct{ url, want string }{
		{"''", ""},
		{"http://gateway:8080", ""},
		{"https://gateway.example.com/base/", ""},
		{"http://u:s3cret@gateway", userInfo},
		{"http://s3cret@gateway", userInfo},
		{"http://@gateway", userInfo},
		{"dns+http://gateway", wrongStart},
		{"ftp://u:s3cret@gateway", wrongStart},
		{"gateway", wrongStart},
		{"http://", "has no host"},
		{"http://gateway?a=s3cret", "must not have a query (?...)"},
		{"http://u:s3cret@gateway:port", invalidURL},
		{"http://u:12/s3cret@gateway", "must not have an @ after its host; in a password write / as %2F"},
		{"[http://gateway]", "must be a single value, not a list"},
		{"~", "must be a single value, not empty; leave the key out to keep its default"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{"3: server.passthrough: " + tt.want}
			}
			expect(t, minimal+"server:\n  passthrough: "+tt.url+"\n", want...)
		})
	}
	if got := mustParse(t, minimal+"server: {passthrough: ''}\n").Server.Passthrough; got != nil {
		t.Errorf("got %v of an empty text, want nil", got)
	}
}
