package e2e_test

import (
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

func TestMatch(t *testing.T) {
	store := &sample.Store{}
	for _, name := range []string{"billing-api", "billing.job", "cart", "fn-1"} {
		for _, namespace := range []string{"", "prod", "team-a", "team-bb"} {
			store.Append(name, sample.Line{Instance: "pod" + namespace, Namespace: namespace, Time: time.Now().Add(-time.Minute), Text: "x"})
		}
	}
	to, asked := hosts{}, map[string]*sample.Recorder{}
	for _, name := range []string{"billing", "prod", "both"} {
		to[name], asked[name] = recorded(t, &sample.FaasNetes{Store: store})
	}
	logmux := start(t, `
upstreams:
  - {name: billing, url: $billing, match: {names: ["billing-*", "fn-[0-9]"]}}
  - {name: prod, url: $prod, match: {namespaces: [prod, "team-?"]}}
  - name: both
    url: $both
    match:
      namespaces: [prod]
      names: [cart]
`, to)
	for _, tt := range []struct{ name, namespace, want string }{
		{"billing-api", "", "billing"},
		{"billing-api", "prod", "billing,prod"},
		{"billing-api", "team-bb", "billing"},
		{"billing.job", "team-a", "prod"},
		{"fn-1", "", "billing"},
		{"cart", "prod", "prod,both"},
		{"cart", "team-a", "prod"},
		{"cart", "", ""},
		{"cart", "team-bb", ""},
		{"BILLING-api", "", ""},
	} {
		t.Run(tt.name+" in "+tt.namespace, func(t *testing.T) {
			before := 0
			for _, r := range asked {
				before += len(r.Queries())
			}
			got := logmux.of(t).logs(request{name: tt.name, namespace: tt.namespace})
			sum, want := 0, 0
			for _, r := range asked {
				sum += len(r.Queries())
			}
			if tt.want == "" {
				got.says("Ok", "").says("Absent", "").absent(tt.name)
			} else {
				got.ok().silent().says("Ok", tt.want)
				want = len(got.lines)
			}
			if sum-before != want {
				t.Errorf("%d upstreams were asked, want %d", sum-before, want)
			}
		})
	}
}

func TestFunctionOnSomeUpstreams(t *testing.T) {
	has, hasNot := &sample.Store{}, &sample.Store{}
	lines := []sample.Line{{Instance: "p", Time: time.Now().Add(-time.Minute), Text: "x"}}
	has.Append("fn", lines...)
	logmux := start(t, `
upstreams:
  - {name: a, url: $without, required: true}
  - {name: b, url: $with}
`, hosts{"without": serve(t, &sample.FaasNetes{Store: hasNot}), "with": serve(t, &sample.FaasNetes{Store: has})})
	r := request{name: "fn"}
	logmux.logs(r).ok().silent().says("Ok", "b").says("Absent", "a").says("Failed", "").has(netesHabit.expect(r, lines))
}
