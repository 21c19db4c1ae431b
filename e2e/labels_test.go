package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

// TestLabelsLeaveTheRestAlone splices labels into lines of every shape: all other bytes stay.
func TestLabelsLeaveTheRestAlone(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{
			"as the providers write it",
			`{"name":"fn","namespace":"","instance":"pod-1","timestamp":"2026-01-02T03:04:05.8Z","text":"a\u003cb\n"}`,
			`{"name":"fn","namespace":"eu-fn","instance":"eu/pod-1","timestamp":"2026-01-02T03:04:05.8Z","text":"a\u003cb\n"}`,
		},
		{
			"with a namespace",
			`{"name":"fn","namespace":"own","instance":"pod-1","timestamp":"2026-01-02T03:04:05.8Z","text":""}`,
			`{"name":"fn","namespace":"own","instance":"eu/pod-1","timestamp":"2026-01-02T03:04:05.8Z","text":""}`,
		},
		{
			"unknown fields, numbers and escapes",
			`{"name":"fn","namespace":"","instance":"pod\u002d1","timestamp":"2026-01-02T03:04:05.80043Z","text":"caf\u00e9 \/ \ud83d\ude00","n":1.50e+03,"big":12345678901234567890,"o":{"instance":"x","namespace":""},"a":[1, -0.0]}`,
			`{"name":"fn","namespace":"eu-fn","instance":"eu/pod\u002d1","timestamp":"2026-01-02T03:04:05.80043Z","text":"caf\u00e9 \/ \ud83d\ude00","n":1.50e+03,"big":12345678901234567890,"o":{"instance":"x","namespace":""},"a":[1, -0.0]}`,
		},
		{
			"another order, spaces, another case",
			`{ "text" : "x",	"Instance": "pod-1" , "NAMESPACE" :"", "timestamp":"2026-01-02T03:04:06+05:30","name":"fn" }`,
			`{ "text" : "x",	"Instance": "eu/pod-1" , "NAMESPACE" :"eu-fn", "timestamp":"2026-01-02T03:04:06+05:30","name":"fn" }`,
		},
		{
			"the last of equal keys counts",
			`{"name":"fn","namespace":"","instance":"a","instance":"b","timestamp":"2026-01-02T03:04:07Z","text":"x"}`,
			`{"name":"fn","namespace":"eu-fn","instance":"a","instance":"eu/b","timestamp":"2026-01-02T03:04:07Z","text":"x"}`,
		},
		{
			"null",
			`{"name":"fn","namespace":null,"instance":null,"timestamp":"2026-01-02T03:04:08Z","text":"x"}`,
			`{"name":"fn","namespace":"eu-fn","instance":"eu/","timestamp":"2026-01-02T03:04:08Z","text":"x"}`,
		},
		{
			"empty instance",
			`{"name":"fn","namespace":"","instance":"","timestamp":"2026-01-02T03:04:08Z","text":"x"}`,
			`{"name":"fn","namespace":"eu-fn","instance":"eu/","timestamp":"2026-01-02T03:04:08Z","text":"x"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logmux := start(t, `
upstreams:
  - name: eu
    url: $eu
    labels: {namespace: eu-fn, instance_prefix: eu/}
  - {name: plain, url: $plain}
`, hosts{"eu": serve(t, answers(tt.in+"\n")), "plain": serve(t, answers(tt.in+"\r\n\n"))})
			logmux.ask("name=fn").ok().silent().says("Ok", "eu,plain").has([]string{tt.want + "\n", tt.in + "\n"})
		})
	}
}

// TestLabelsOfFieldsThatAreMissing adds what a line lacks and leaves the rest as it is.
func TestLabelsOfFieldsThatAreMissing(t *testing.T) {
	logmux := start(t, "upstreams: [{name: eu, url: $eu, labels: {namespace: eu-fn, instance_prefix: eu/}}]",
		hosts{"eu": serve(t, answers(`{"timestamp":"2026-01-02T03:04:05Z","text":"x","n":1.0}`+"\n"))})
	got := logmux.ask("name=fn").ok().silent()
	if len(got.lines) != 1 {
		t.Fatalf("lines %q, want one", got.lines)
	}
	m := decode(t, got.lines[0])
	if m.Namespace != "eu-fn" || m.Instance != "eu/" || m.Text != "x" {
		t.Errorf("got %+v", m)
	}
	if rest := `"timestamp":"2026-01-02T03:04:05Z","text":"x","n":1.0`; !strings.Contains(got.lines[0], rest) {
		t.Errorf("%q does not hold %q", got.lines[0], rest)
	}
}

// three clusters, of which two prefix their instances.
const prefixed = `
upstreams:
  - {name: eu, url: $eu, labels: {instance_prefix: eu/}}
  - {name: eu-loki, url: $loki, kind: openfaas-loki, labels: {instance_prefix: "eu/loki:"}}
  - {name: us, url: $us, kind: faasd, labels: {instance_prefix: us/, namespace: prod}}
  - {name: plain, url: $plain}
`

func TestInstancePrefixRoutes(t *testing.T) {
	base := time.Now()
	lines := []sample.Line{
		{Instance: "pod-1", Time: base.Add(-30 * time.Second), Text: "one"},
		{Instance: "pod-2", Time: base.Add(-20 * time.Second), Text: "two"},
		{Instance: "pod-1", Time: base.Add(-10 * time.Second), Text: "three"},
	}
	store := &sample.Store{}
	store.Append("fn", lines...)
	to, asked := hosts{}, map[string]*sample.Recorder{}
	for name, h := range map[string]habit{"eu": netesHabit, "loki": lokiHabit, "us": faasd(252), "plain": netesHabit} {
		to[name], asked[name] = recorded(t, h.handler(store))
	}
	logmux := start(t, prefixed, to)
	for _, tt := range []struct {
		instance string
		tail     int
		asked    string // the one upstream, empty for all
		pod      string
		want     []string
	}{
		{"eu/pod-1", 0, "eu", "pod-1", []string{"eu/pod-1 one\n", "eu/pod-1 three\n"}},
		{"eu/pod-1", 1, "eu", "pod-1", []string{"eu/pod-1 three\n"}},
		{"eu/loki:pod-1", 0, "loki", "pod-1", []string{"eu/loki:pod-1 one", "eu/loki:pod-1 three"}},
		{"us/pod-2", 0, "us", "pod-2", []string{"us/pod-2 two"}},
		{"us/pod-2", 5, "us", "pod-2", []string{"us/pod-2 two"}},
		{"eu/nothing", 0, "eu", "nothing", nil},
		{"plain-1", 0, "", "plain-1", nil},
	} {
		t.Run(tt.instance, func(t *testing.T) {
			before := map[string]int{}
			for name, r := range asked {
				before[name] = len(r.Queries())
			}
			got := logmux.of(t).logs(request{name: "fn", instance: tt.instance, tail: tt.tail}).ok().silent()
			for name, r := range asked {
				queries := r.Queries()[before[name]:]
				switch {
				case tt.asked != "" && tt.asked != name && len(queries) > 0:
					t.Errorf("%s was asked %v", name, queries)
				case (tt.asked == "" || tt.asked == name) && (len(queries) == 0 || queries[0].Get("instance") != tt.pod):
					t.Errorf("%s was asked %v, want the instance %s", name, queries, tt.pod)
				}
			}
			checkTexts(t, got, tt.want)
		})
	}
}

// checkTexts compares instance and text of the lines.
func checkTexts(t *testing.T, got answer, want []string) {
	t.Helper()
	var texts []string
	for _, line := range got.lines {
		m := decode(t, line)
		texts = append(texts, m.Instance+" "+m.Text)
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
}

// TestInstanceIsExactUnderAPrefix asks for an instance as one cluster alone calls it: no line of another name may come.
func TestInstanceIsExactUnderAPrefix(t *testing.T) {
	base := time.Now()
	store := &sample.Store{}
	store.Append("fn", sample.Line{Instance: "pod-1", Time: base.Add(-30 * time.Second), Text: "one"})
	logmux := start(t, prefixed, hosts{
		"eu": serve(t, netesHabit.handler(store)), "loki": serve(t, lokiHabit.handler(store)),
		"us": serve(t, faasd(252).handler(store)), "plain": serve(t, netesHabit.handler(store)),
	})
	checkTexts(t, logmux.logs(request{name: "fn", instance: "pod-1"}).ok().silent(), []string{"pod-1 one\n"})
}

// TestNamespaceLabelAndFilter asks for a namespace: a line without one passes, and gets the label.
func TestNamespaceLabelAndFilter(t *testing.T) {
	line := func(namespace, text string) string {
		return message{"fn", namespace, "pod", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), text}.wire()
	}
	logmux := start(t, "upstreams: [{name: eu, url: $eu, labels: {namespace: prod}}]",
		hosts{"eu": serve(t, answers(line("", "empty"), line("prod", "same"), line("staging", "other")))})
	logmux.ask("name=fn&namespace=prod").ok().silent().has([]string{line("prod", "empty"), line("prod", "same")})
	logmux.ask("name=fn").ok().silent().has([]string{line("prod", "empty"), line("prod", "same"), line("staging", "other")})
}
