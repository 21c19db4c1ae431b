package config

import "slices"

func (w *walker) basicAuth(a BasicAuth) {
	w.together(setting{"server.basic_auth.user_file", a.UserFile}, setting{"server.basic_auth.password_file", a.PasswordFile})
}

// A way is one of those to authenticate at an upstream.
type way struct {
	key   string
	name  string // as a message calls it
	given bool
}

// oneWay holds that no two ways want to set an upstream's Authorization.
func (w *walker) oneWay(upstream string, u Upstream) {
	user := w.setting(upstream, "auth.user_file", u.Auth.UserFile)
	password := w.setting(upstream, "auth.password_file", u.Auth.PasswordFile)
	w.together(user, password)

	ways := waysOf(u)
	for i := 1; i < len(ways); i++ {
		first, other := ways[0], ways[i]
		at := place(w.setting(upstream, other.key, ""), w.setting(upstream, first.key, ""))
		w.add(w.at(at), at, "%s and %s are two ways to authenticate, at most one is possible", first.name, other.name)
	}
}

// waysOf are those that are given. What stands in auth comes last, as it is where one too many is told.
func waysOf(u Upstream) []way {
	a := u.Auth
	ways := []way{
		{"url", "the user info of url", u.URL != nil && u.URL.User != nil},
		{"headers.Authorization", "headers.Authorization", u.Headers["Authorization"] != ""},
		{"auth.user_file", "auth.user_file", a.UserFile != ""},
		{"auth.password_file", "auth.password_file", a.UserFile == "" && a.PasswordFile != ""},
		{"auth.token_file", "auth.token_file", a.TokenFile != ""},
		{"auth.forward", "auth.forward", a.Forward},
	}
	return slices.DeleteFunc(ways, func(w way) bool { return !w.given })
}
