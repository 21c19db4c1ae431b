package config

import (
	"cmp"
	"testing"
)

const (
	userInfo      = "the user info of url"
	twoWays       = " are two ways to authenticate, at most one is possible"
	noPassword    = "user_file and password_file go together, password_file is missing"
	noUser        = "user_file and password_file go together, user_file is missing"
	withUserInfo  = "https://u:s3cret@eu"
	authorization = "{authorization: Bearer s3cret}"
)

func TestBasicAuthOfTheServer(t *testing.T) {
	f := newFiles(t)
	for _, tt := range []struct{ auth, want string }{
		{"{}", ""},
		{`{user_file: "", password_file: ""}`, ""},
		{"{user_file: $user, password_file: $password}", ""},
		{"{user_file: $user}", "2: server.basic_auth.user_file: " + noPassword},
		{`{user_file: "", password_file: $password}`, "2: server.basic_auth.password_file: " + noUser},
	} {
		t.Run(tt.auth, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			expect(t, f.in(minimal+"server: {basic_auth: "+tt.auth+"}\n"), want...)
		})
	}
}

// defaults stand in lines 2 (auth) and 3 (headers), the upstream's own in 6 (url), 7 (auth) and 8 (headers).
func TestAtMostOneWayToAuthenticate(t *testing.T) {
	const (
		basic = "{user_file: $user, password_file: $password}"
		token = "{token_file: $token}"
	)
	type layer struct{ url, auth, headers string }
	f := newFiles(t)
	for _, tt := range []struct {
		name          string
		defaults, own layer
		want          []string
	}{
		{"none", layer{}, layer{}, nil},
		{"basic", layer{}, layer{auth: basic}, nil},
		{"token", layer{}, layer{auth: token}, nil},
		{"forward", layer{}, layer{auth: "{forward: true}"}, nil},
		{"user info", layer{}, layer{url: withUserInfo}, nil},
		{"header", layer{}, layer{headers: authorization}, nil},
		{"others written out", layer{}, layer{auth: `{token_file: $token, user_file: "", password_file: "", forward: false}`}, nil},
		{"another header", layer{}, layer{auth: token, headers: "{X-Authorization: s3cret}"}, nil},

		{"user alone", layer{}, layer{auth: "{user_file: $user}"}, []string{"7: upstreams[0].auth.user_file: " + noPassword}},
		{"password alone", layer{}, layer{auth: "{password_file: $password}"}, []string{"7: upstreams[0].auth.password_file: " + noUser}},
		{"basic and token", layer{}, layer{auth: "{token_file: $token, user_file: $user, password_file: $password}"},
			[]string{"7: upstreams[0].auth.token_file: auth.user_file and auth.token_file" + twoWays}},
		{"token and forward", layer{}, layer{auth: "{token_file: $token, forward: true}"},
			[]string{"7: upstreams[0].auth.forward: auth.token_file and auth.forward" + twoWays}},
		{"password and token", layer{}, layer{auth: "{token_file: $token, password_file: $password}"},
			[]string{"7: upstreams[0].auth.password_file: " + noUser,
				"7: upstreams[0].auth.token_file: auth.password_file and auth.token_file" + twoWays}},
		{"a file that is missing", layer{}, layer{auth: "{token_file: $missing, forward: true}"},
			[]string{"7: upstreams[0].auth.forward: auth.token_file and auth.forward" + twoWays,
				"7: upstreams[0].auth.token_file: the file does not exist"}},
		{"user info and token", layer{}, layer{url: withUserInfo, auth: token},
			[]string{"7: upstreams[0].auth.token_file: " + userInfo + " and auth.token_file" + twoWays}},
		{"user info and header", layer{}, layer{url: withUserInfo, headers: authorization},
			[]string{"8: upstreams[0].headers.Authorization: " + userInfo + " and headers.Authorization" + twoWays}},
		{"header and basic", layer{}, layer{auth: basic, headers: authorization},
			[]string{"7: upstreams[0].auth.user_file: headers.Authorization and auth.user_file" + twoWays}},
		{"three", layer{}, layer{url: withUserInfo, auth: "{forward: true}", headers: authorization},
			[]string{"7: upstreams[0].auth.forward: " + userInfo + " and auth.forward" + twoWays,
				"8: upstreams[0].headers.Authorization: " + userInfo + " and headers.Authorization" + twoWays}},

		{"own over that of defaults", layer{auth: token}, layer{auth: basic}, nil},
		{"none over that of defaults", layer{auth: token}, layer{url: withUserInfo, auth: "{}"}, nil},
		{"no header over that of defaults", layer{headers: authorization}, layer{auth: token, headers: `{Authorization: ""}`}, nil},
		{"half over that of defaults", layer{auth: basic}, layer{auth: "{user_file: $user}"},
			[]string{"7: upstreams[0].auth.user_file: " + noPassword}},
		{"own user info and defaults", layer{auth: token}, layer{url: withUserInfo},
			[]string{"6: upstreams[0].url: " + userInfo + " and auth.token_file" + twoWays}},
		{"own header and defaults", layer{auth: token}, layer{headers: authorization},
			[]string{"8: upstreams[0].headers.Authorization: headers.Authorization and auth.token_file" + twoWays}},
		{"own auth and header of defaults", layer{headers: authorization}, layer{auth: token},
			[]string{"7: upstreams[0].auth.token_file: headers.Authorization and auth.token_file" + twoWays}},
		{"own user info and header of defaults", layer{headers: authorization}, layer{url: withUserInfo},
			[]string{"6: upstreams[0].url: " + userInfo + " and headers.Authorization" + twoWays}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := "defaults:\n  " + keyOrNot("auth", tt.defaults.auth) + "  " + keyOrNot("headers", tt.defaults.headers) + "  kind: generic\n" +
				"upstreams:\n  - url: " + cmp.Or(tt.own.url, "https://eu") + "\n    " + keyOrNot("auth", tt.own.auth) +
				"    " + keyOrNot("headers", tt.own.headers) + "    name: eu\n"
			expect(t, f.in(src), tt.want...)
		})
	}
}

// keyOrNot is one line, whether there is a value or none.
func keyOrNot(key, value string) string {
	if value == "" {
		return "# no " + key + "\n"
	}
	return key + ": " + value + "\n"
}

func TestTwoWaysInDefaultsAreToldOnce(t *testing.T) {
	f := newFiles(t)
	upstreams := "upstreams: [{name: a, url: https://a}, {name: b, url: https://b}, {name: c, url: https://c, auth: {}, headers: {Authorization: ''}}]\n"
	expect(t, f.in("defaults:\n  auth: {token_file: $token,\n    forward: true}\n"+upstreams),
		"3: defaults.auth.forward: auth.token_file and auth.forward"+twoWays)
	expect(t, f.in("defaults:\n  headers: "+authorization+"\n  auth: {token_file: $token}\n"+upstreams),
		"3: defaults.auth.token_file: headers.Authorization and auth.token_file"+twoWays)
	expect(t, f.in("defaults:\n  auth: {user_file: $user}\n"+upstreams), "2: defaults.auth.user_file: "+noPassword)
	expect(t, f.in("defaults:\n  auth: {user_file: $missing, password_file: $password}\n"+upstreams),
		"2: defaults.auth.user_file: the file does not exist")
	// Through a merge it is the same place as well.
	expect(t, f.in("upstreams:\n  - &a {name: a, url: https://a, auth: {token_file: $token, forward: true}}\n  - {<<: *a, name: b}\n"),
		"2: upstreams[0].auth.forward: auth.token_file and auth.forward"+twoWays)
}
