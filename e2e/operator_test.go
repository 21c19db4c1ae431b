package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// cli reads an answer and prints it as `faas-cli logs` does: value by value, and nothing more behind the first that
// does not decode.
func cli(t *testing.T, body io.Reader) (printed []string) {
	t.Helper()
	for d := json.NewDecoder(body); ; {
		var m message
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return printed
		case err != nil:
			t.Fatalf("after %d lines faas-cli stops: %v", len(printed), err)
		}
		printed = append(printed, fmt.Sprintf("%s %s (%s) %s",
			m.Timestamp.Format(time.RFC3339), m.Name, m.Instance, strings.TrimRight(m.Text, "\n")))
	}
}

// TestOperatorSixClusters is what someone sees who asks for the last lines while one of six clusters is down.
func TestOperatorSixClusters(t *testing.T) {
	base := time.Now().Truncate(time.Second).UTC()
	to := hosts{}
	var config strings.Builder
	config.WriteString("defaults: {retry: {max: 1, min_wait: 1ms, max_wait: 2ms}}\nupstreams:\n")
	clusters := []struct{ name, kind string }{
		{"paris", "faas-netes"}, {"dublin", "faas-netes"}, {"tokyo", "faasd"}, {"oslo", "openfaas-loki"}, {"lima", "faas-netes"}, {"quito", "faasd"},
	}
	var want []string
	for i := range 4 {
		for c, cluster := range clusters {
			if cluster.name != "lima" {
				at := base.Add(time.Duration(i*10+c-60) * time.Second)
				want = append(want, fmt.Sprintf("%s checkout (%s-%d) order %d <paid>", at.Format(time.RFC3339), cluster.name, c, i))
			}
		}
	}
	for c, cluster := range clusters {
		store := &sample.Store{}
		for i := range 4 {
			store.Append("checkout", sample.Line{
				Instance: fmt.Sprint(cluster.name, "-", c),
				Time:     base.Add(time.Duration(i*10+c-60) * time.Second),
				Text:     fmt.Sprintf("order %d <paid>", i),
			})
		}
		switch cluster.kind {
		case "faas-netes":
			to[cluster.name] = serve(t, &sample.FaasNetes{Store: store})
		case "faasd":
			to[cluster.name] = serve(t, &sample.Faasd{Store: store})
		case "openfaas-loki":
			to[cluster.name] = serve(t, &sample.Loki{Store: store})
		}
		fmt.Fprintf(&config, "  - {name: %s, kind: %s, url: $%s}\n", cluster.name, cluster.kind, cluster.name)
	}
	for _, tt := range []struct {
		name, lima string
		reason     []string
	}{
		{"refuses connections", down(t), []string{"dial", "connection refused"}},
		{"has an ingress without a backend", broken(t, sample.Refuse(503, nil)), []string{"status-503", "Service Unavailable"}},
		{"wants credentials", broken(t, sample.Refuse(401, nil)), []string{"auth"}},
		{"drops connections", broken(t, sample.Drop()), []string{"truncated"}},
		{"has a certificate that nobody knows", "https" + strings.TrimPrefix(to["paris"], "http"), []string{"tls"}},
		{"shows a login page", broken(t, sample.HTML()), []string{"malformed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to["lima"] = tt.lima
			logmux := start(t, config.String(), to)
			for _, tail := range []int{-1, 3, 12} {
				resp := logmux.open(fmt.Sprintf("name=checkout&tail=%d", tail))
				defer resp.Body.Close()
				printed := cli(t, resp.Body)
				if len(printed) == 0 {
					t.Fatal("nothing is printed")
				}
				last := printed[len(printed)-1]
				for _, word := range append([]string{"checkout (logmux) logmux: ", "lima"}, tt.reason...) {
					if !strings.Contains(last, word) {
						t.Errorf("the last line %q does not say %q", last, word)
					}
				}
				// The lines of a web page are passed on as what they are: text, from lima.
				printed = withoutInstance(printed[:len(printed)-1], "lima")
				want := want
				if tail > 0 {
					want = want[len(want)-tail:]
				}
				if tt.reason[0] == "malformed" && tail > 0 {
					continue // which of them count towards tail is a question of now
				}
				if got, want := strings.Join(printed, "\n"), strings.Join(want, "\n"); got != want {
					t.Errorf("printed\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
}

// broken is a provider with a fault, without lines.
func broken(t *testing.T, fault sample.Fault) string {
	t.Helper()
	f := &sample.Faults{Handler: &sample.FaasNetes{}}
	f.Set(fault)
	return serve(t, f)
}

func withoutInstance(printed []string, instance string) (rest []string) {
	for _, line := range printed {
		if !strings.Contains(line, " ("+instance+") ") {
			rest = append(rest, line)
		}
	}
	return rest
}
