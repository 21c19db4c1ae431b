package proxy_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openfaas-logmux/logmux/internal/sample"
	"github.com/openfaas-logmux/logmux/proxy"
)

func authorizedBy(value func() (string, error)) option {
	return func(u *proxy.Upstream) { u.Authorization = value }
}

// Secrets change: each request is sent what is the secret then.
func TestAuthorizationIsAskedForEachTime(t *testing.T) {
	var version atomic.Int64
	changing := authorizedBy(func() (string, error) { return fmt.Sprint("Bearer ", version.Add(1)), nil })
	for way, headers := range eachWay(t, nil, "", changing) {
		seen := map[string]bool{}
		for _, h := range headers {
			value := h.Get("Authorization")
			if !strings.HasPrefix(value, "Bearer ") || seen[value] {
				t.Errorf("%s: Authorization %q, after %v", way, value, seen)
			}
			seen[value] = true
		}
	}
	asked := &sample.Recorder{Handler: answers(threeLines())}
	p := newProxy(t, serve(t, "a", asked, authorizedBy(func() (string, error) { return fmt.Sprint("Bearer of ", version.Load()), nil })))
	for _, now := range []int64{1001, 1001, 1002} {
		version.Store(now)
		got := p.ask(t, "name=fn")
		got.holds(t, threeLines())
		if h := asked.Headers(); h[len(h)-1].Get("Authorization") != fmt.Sprint("Bearer of ", now) {
			t.Errorf("Authorization %q, want that of %d", h[len(h)-1].Get("Authorization"), now)
		}
	}
}

func TestAuthorizationGoesBeforeTheURLs(t *testing.T) {
	asked := &sample.Recorder{Handler: answers(threeLines())}
	u := serve(t, "a", asked, authorizedBy(func() (string, error) { return "Bearer x", nil }))
	u.URL.User = url.UserPassword("admin", "y")
	newProxy(t, u).ask(t, "name=fn")
	if got := asked.Headers()[0].Values("Authorization"); len(got) != 1 || got[0] != "Bearer x" {
		t.Errorf("Authorization %q", got)
	}
}

// Without its credentials an upstream is not asked.
func TestAuthorizationThatCannotBeHad(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			asked := &sample.Recorder{Handler: answers(threeLines())}
			failing := authorizedBy(func() (string, error) { return "Bearer t0ken", errors.New("read token: no such file") })
			p := newProxy(t,
				serve(t, "x", asked, append(way.options, failing, retries(2), breaking(1, never))...),
				serve(t, "sound", answers(fiveLines()), way.options...),
			)
			for range 3 {
				got := p.ask(t, "name=fn&namespace=ns")
				got.holdsLogs(t, fiveLines())
				checkWarnings(t, &got, "x=auth")
				if !strings.Contains(got.warnings[0].Text, "no such file") {
					t.Errorf("the warning does not say why: %s", got.warnings[0].Text)
				}
				if got.failed() != "x=auth" || strings.Contains(got.body, "t0ken") {
					t.Errorf("failed %q: %s", got.failed(), got.body)
				}
			}
			if n := len(asked.Queries()); n > 0 {
				t.Errorf("asked %d times without credentials", n)
			}
		})
	}
}

// A follow whose credentials come later goes on with them.
func TestFollowWhoseAuthorizationComesLater(t *testing.T) {
	t.Parallel()
	store := quietStore()
	var known atomic.Bool
	asked := &sample.Recorder{Handler: sample.BasicAuth("admin", "s3cret", &sample.FaasNetes{Store: store})}
	p := newProxy(t, serve(t, "x", asked, asFaasNetes, authorizedBy(func() (string, error) {
		if !known.Load() {
			return "", errors.New("no such file")
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:s3cret")), nil
	})), serve(t, "sound", &sample.FaasNetes{Store: quietStore()}))
	p.ReorderWindow = -1
	f := p.follow(t, "&tail=1")
	f.await(bounds, "warning", func() bool { return len(f.warnings()) > 0 })
	if n := len(asked.Queries()); n > 0 {
		t.Errorf("asked %d times without credentials", n)
	}
	known.Store(true)
	store.Append("fn", logged("pod", "at last"))
	f.awaitText("at last")
	if w := f.warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "logmux: x failed: auth") {
		t.Errorf("warnings %q, want one", w)
	}
}

// Nobody else than the upstream itself is sent anything.
func TestRedirectTakesNoCredentialsAlong(t *testing.T) {
	other := &sample.Recorder{Handler: answers(threeLines())}
	elsewhere := serve(t, "other", other)
	for _, location := range []string{elsewhere.URL.String() + "/system/logs?name=fn", "//" + elsewhere.URL.Host, "", "/elsewhere"} {
		for _, query := range []string{"name=fn", "name=fn&follow=true"} {
			t.Run(location+"/"+query, func(t *testing.T) {
				u := serve(t, "moved", sample.Refuse(http.StatusFound, http.Header{"Location": {location}})(nil),
					forwarding, retries(2), authorizedBy(func() (string, error) { return "Bearer t0ken", nil }))
				u.URL.User = url.UserPassword("admin", "pa55word")
				u.Header = http.Header{"X-Key": {"k3y"}}
				got := newProxy(t, u).askWith(t, http.Header{"Authorization": {"Basic cl1ent"}}, query)
				if got.status != http.StatusBadGateway || got.failed() != "moved=status-302" {
					t.Errorf("status %d, failed %q; want 502, status-302: %s", got.status, got.failed(), got.body)
				}
			})
		}
	}
	if h := other.Headers(); len(h) > 0 {
		t.Errorf("the other host was sent %v", h)
	}
}

// What is configured, or forwarded, in secret.
var secrets = []string{
	"pa55word", "t0ken", "k3y", "cl1ent",
	base64.StdEncoding.EncodeToString([]byte("admin:pa55word")), "pa55",
}

// secretly gives an upstream something to hide.
func secretly(u *proxy.Upstream) {
	u.URL.User = url.UserPassword("admin", "pa55word")
	u.Header = http.Header{"X-Key": {"k3y"}}
}

var secretWays = []struct {
	name    string
	options option
}{
	{"in the URL", func(*proxy.Upstream) {}},
	{"by a file", authorizedBy(func() (string, error) { return "Bearer t0ken", nil })},
	{"by a file that is none of a header", authorizedBy(func() (string, error) { return "Bearer t0ken\n\x00", nil })},
	{"of the client", forwarding},
	{"in a URL that cannot be asked", func(u *proxy.Upstream) { u.URL.Host = "a b%zz" }},
	{"in a header that cannot be sent", func(u *proxy.Upstream) { u.Header.Set("X-Key", "k3y\nk3y") }},
}

// Secrets are in nothing that goes out, and in nothing that is reported.
func TestSecretsAreNotTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	tell := func(reported ...any) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range reported {
			told = append(told, fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r))
		}
	}
	for _, e := range endings() {
		if e.outcome != proxy.Failed {
			continue
		}
		for _, way := range secretWays {
			t.Run(e.name+"/"+way.name, func(t *testing.T) {
				t.Parallel()
				u := e.upstream(t, "odd")
				for _, change := range []option{secretly, way.options} {
					change(&u)
				}
				p := newProxy(t, u, serve(t, "sound", answers(threeLines())))
				p.FollowTimeout, p.ReorderWindow = soon/2, -1
				p.Ended = func(r proxy.Report) {
					tell(r, r.Request)
					for _, result := range r.Results {
						tell(result)
						if result.Failure != nil {
							tell(result.Failure, result.Failure.Error(), result.Failure.Err)
						}
					}
				}
				p.Failing = func(r proxy.Request, result proxy.Result) { tell(r, result, result.Failure, result.Failure.Error()) }
				for _, query := range []string{"name=fn", "name=fn&follow=true"} {
					got := p.askWith(t, http.Header{"Authorization": {"Basic cl1ent"}}, query)
					tell(got.body, got.header, got.trailer)
				}
			})
		}
	}
	t.Cleanup(func() { // after the parallel ones
		if len(told) == 0 {
			t.Fatal("nothing was told: the test shows nothing")
		}
		for _, text := range told {
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%q is told: %.500s", secret, text)
				}
			}
		}
	})
}
