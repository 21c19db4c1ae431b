package config

import (
	"strings"
	"testing"
)

func TestServerTLSRules(t *testing.T) {
	const (
		noKey   = "cert_file and key_file go together, key_file is missing"
		noCert  = "cert_file and key_file go together, cert_file is missing"
		another = "cert_file and key_file do not belong to each other"
		noTLS   = "needs cert_file and key_file: without them there is no TLS"
		noFile  = "the file does not exist"
	)
	f := newFiles(t)
	for _, tt := range []struct{ name, tls, want string }{
		{"none", `{cert_file: "", key_file: ""}`, ""},
		{"pair", "{cert_file: $cert, key_file: $key}", ""},
		{"pair with clients", "{cert_file: $cert, key_file: $key, client_ca_file: $cert2}", ""},
		{"certificate alone", "{cert_file: $cert}", "cert_file: " + noKey},
		{"key alone", `{cert_file: "", key_file: $key}`, "key_file: " + noCert},
		{"of another pair", "{cert_file: $cert, key_file: $key2}", "key_file: " + another},
		{"switched", "{cert_file: $key, key_file: $cert}",
			"cert_file: the file holds no certificate in PEM|key_file: the file holds no private key in PEM"},
		{"clients alone", "{client_ca_file: $cert}", "client_ca_file: " + noTLS},
		{"clients without a key", "{client_ca_file: $cert, cert_file: $cert}", "cert_file: " + noKey},
		{"certificate alone, and missing", "{cert_file: $missing}", "cert_file: " + noFile + "|cert_file: " + noKey},
		{"half is missing", "{cert_file: $missing, key_file: $key}", "cert_file: " + noFile},
		{"half is no name", "{cert_file: [a], key_file: $key}", "cert_file: must be a single value, not a list"},
		{"clients beside what is missing", "{cert_file: $missing, key_file: $missing, client_ca_file: $cert}",
			"cert_file: " + noFile + "|key_file: " + noFile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for key := range strings.SplitSeq(tt.want, "|") {
				if key != "" {
					want = append(want, "2: server.tls."+key)
				}
			}
			expect(t, f.in(minimal+"server: {tls: "+tt.tls+"}\n"), want...)
		})
	}
}

func TestUpstreamTLSRules(t *testing.T) {
	const (
		noKey   = "tls.key_file: cert_file and key_file go together, key_file is missing"
		another = "cert_file and key_file do not belong to each other"
	)
	f := newFiles(t)
	for _, tt := range []struct{ name, defaults, own, want string }{
		{"pair", "", "{cert_file: $cert, key_file: $key}", ""},
		{"pair of defaults", "{cert_file: $cert, key_file: $key}", "{}", ""},
		{"pair over that of defaults", "{cert_file: $cert, key_file: $key}", "{cert_file: $cert2, key_file: $key2}", ""},
		{"pair of both", "{cert_file: $cert}", "{key_file: $key}", ""},
		{"no pair over that of defaults", "{cert_file: $cert, key_file: $key}", `{cert_file: "", key_file: ""}`, ""},
		{"certificate alone", "", "{cert_file: $cert}", "5: upstreams[0].tls.cert_file: cert_file and key_file go together, key_file is missing"},
		{"alone in defaults", "{key_file: $key}", "{}", "1: defaults.tls.key_file: cert_file and key_file go together, cert_file is missing"},
		{"half taken away", "{cert_file: $cert, key_file: $key}", `{key_file: ""}`, "5: upstreams[0]." + noKey},
		{"half taken away, of none", "{cert_file: $cert}", `{key_file: ""}`, "5: upstreams[0]." + noKey},
		{"another key", "{cert_file: $cert, key_file: $key}", "{key_file: $key2}", "5: upstreams[0].tls.key_file: " + another},
		{"another certificate", "{cert_file: $cert, key_file: $key}", "{cert_file: $cert2}", "5: upstreams[0].tls.cert_file: " + another},
		{"another in defaults", "{cert_file: $cert, key_file: $key2}", "{}", "1: defaults.tls.key_file: " + another},
		{"broken in defaults", "{cert_file: $missing, key_file: $key}", "{}", "1: defaults.tls.cert_file: the file does not exist"},
		{"broken where it is replaced", "{ca_file: $missing}", "{ca_file: $cert}", "1: defaults.tls.ca_file: the file does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.defaults == "" {
				tt.defaults = "{}"
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			others := "\n  - {name: plain, url: http://plain}\n"
			if strings.HasPrefix(tt.want, "1:") {
				others += "  - {name: us, url: https://us}\n" // shares what is wrong, which is told once
			}
			expect(t, f.in("defaults: {tls: "+tt.defaults+"}\n"+upstream("tls: "+tt.own)+others), want...)
		})
	}
}

func TestTLSForPlainHTTP(t *testing.T) {
	f := newFiles(t)
	for _, tt := range []struct{ name, url, defaults, own, want string }{
		{"https", "https://eu", "{}", "{ca_file: $cert}", ""},
		{"dns+https", "dns+https://eu", "{}", "{insecure_skip_verify: true}", ""},
		{"http", "http://eu", "{}", "{ca_file: $cert}", "http://"},
		{"dns+http", "dns+http://eu", "{}", "{server_name: eu.example.com}", "dns+http://"},
		{"http, not verified", "http://eu", "{}", "{insecure_skip_verify: true}", "http://"},
		{"http, of defaults", "http://eu", "{ca_file: $cert, insecure_skip_verify: true}", "{}", ""},
		{"http, the built-in defaults written out", "http://eu", "{}", `{ca_file: "", insecure_skip_verify: false}`, ""},
		{"http, defaults taken away", "http://eu", "{ca_file: $cert}", `{ca_file: ""}`, ""},
		{"http, own beside defaults", "http://eu", "{ca_file: $cert}", "{server_name: eu}", "http://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{"5: upstreams[0].tls: has no use with a url of " + tt.want}
			}
			src := "defaults: {tls: " + tt.defaults + "}\nupstreams:\n  - name: eu\n    url: " + tt.url + "\n    tls: " + tt.own + "\n"
			expect(t, f.in(src), want...)
		})
	}
	expect(t, f.in("upstreams:\n  - &eu\n    name: eu\n    url: http://eu\n    tls: {ca_file: $cert}\n  - {<<: *eu, name: us}\n"),
		"5: upstreams[0].tls: has no use with a url of http://")
}
