package chart_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func service(t *testing.T, r release, component string) *core.Service {
	t.Helper()
	for _, s := range all[*core.Service](r) {
		if s.Labels["component"] == component {
			return s
		}
	}
	t.Fatalf("there is no Service of %s", component)
	return nil
}

func TestService(t *testing.T) {
	r := install(t, "")
	s := service(t, r, "logmux")
	if p := s.Spec.Ports; len(p) != 1 || p[0].Name != "http" || p[0].Port != 9195 || p[0].TargetPort.StrVal != "http" {
		t.Errorf("got %+v", p)
	}
	if p := container(t, r).Ports; len(p) != 1 || p[0].Name != "http" || p[0].ContainerPort != 9195 {
		t.Errorf("got %+v", p)
	}
}

// The Service of faas-netes is where the default config asks, and finds the pods that
// the OpenFaaS chart makes for the gateway.
func TestFaasNetesService(t *testing.T) {
	r := installed(t, release{name: "logs", namespace: "elsewhere", kubernetes: "v1.34.1"}, "")
	s := service(t, r, "faas-netes")
	if p := s.Spec.Ports[0]; p.TargetPort.IntVal != 8081 || len(s.Spec.Selector) != 1 || s.Spec.Selector["app"] != "gateway" {
		t.Errorf("got %+v", s.Spec)
	}
	want := fmt.Sprintf("http://%s.%s:%d", s.Name, s.Namespace, s.Spec.Ports[0].Port)
	if got := parse(t, r).Upstreams[0].URL.String(); got != want {
		t.Errorf("the default config asks %s, and the Service is %s", got, want)
	}
}

func TestNetworkPolicy(t *testing.T) {
	r := install(t, "openfaas: {namespace: faas}")
	p := one[*networking.NetworkPolicy](t, r).Spec
	if len(p.PolicyTypes) != 1 || p.PolicyTypes[0] != networking.PolicyTypeIngress || p.Egress != nil {
		t.Errorf("want no word about egress, got %v %v", p.PolicyTypes, p.Egress)
	}
	if len(p.Ingress) != 1 || len(p.Ingress[0].Ports) != 1 || p.Ingress[0].Ports[0].Port.StrVal != "http" {
		t.Fatalf("got %+v", p.Ingress)
	}
	var from []string
	for _, peer := range p.Ingress[0].From {
		if peer.PodSelector == nil || peer.NamespaceSelector == nil || peer.IPBlock != nil {
			t.Fatalf("a peer without a selector is everyone: %+v", peer)
		}
		from = append(from, peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]+"/"+peer.PodSelector.MatchLabels["app"])
	}
	if want := []string{"faas/gateway", "faas/prometheus"}; !slices.Equal(from, want) {
		t.Errorf("may come from %q, want %q", from, want)
	}
}

func TestNetworkPolicyValues(t *testing.T) {
	p := one[*networking.NetworkPolicy](t, install(t, read(t, "testdata/everything.yaml"))).Spec
	if from := p.Ingress[0].From; len(from) != 3 || from[2].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != "monitoring" {
		t.Errorf("got %+v", from)
	}
	if !slices.Contains(p.PolicyTypes, networking.PolicyTypeEgress) || len(p.Egress) != 2 {
		t.Fatalf("got %v %+v", p.PolicyTypes, p.Egress)
	}
	dns, own := p.Egress[0], p.Egress[1]
	if len(dns.To) != 0 || len(dns.Ports) != 2 || dns.Ports[0].Port.IntVal != 53 || dns.Ports[1].Port.IntVal != 53 {
		t.Errorf("the names of upstreams could not be looked up: %+v", dns)
	}
	if own.To[0].IPBlock.CIDR != "10.0.0.0/8" {
		t.Errorf("got %+v", own)
	}
}

// The Prometheus of the OpenFaaS chart finds the pods by their annotations, and can
// show neither a password nor a certificate.
func TestAnnotations(t *testing.T) {
	for values, want := range map[string]string{
		"":                              "9195",
		"metrics: {annotations: false}": "",
		"config: {server: {tls: {cert_file: /a, key_file: /b}}}":             "",
		"config: {server: {basic_auth: {user_file: /a, password_file: /b}}}": "",
		"existingConfig: {configMap: mine}":                                  "9195",
		"existingConfig: {configMap: mine, tls: true}":                       "",
	} {
		a := pod(t, install(t, values)).Annotations
		if got := a["prometheus.io/port"]; got != want || (a["prometheus.io/scrape"] == "true") != (want != "") {
			t.Errorf("%s: got %v", values, a)
		}
	}
}

func TestServiceMonitor(t *testing.T) {
	for values, want := range map[string]string{
		"serviceMonitor: {enabled: true}": "http",
		read(t, "testdata/tls.yaml"):      "https",
	} {
		r := install(t, values)
		e := one[*monitoring.ServiceMonitor](t, r).Spec.Endpoints
		if len(e) != 1 || e[0].Port != "http" || e[0].Path != "/metrics" || e[0].Scheme == nil || e[0].Scheme.String() != want || e[0].Interval != "30s" {
			t.Errorf("got %+v", e)
		}
	}
	e := one[*monitoring.ServiceMonitor](t, install(t, read(t, "testdata/everything.yaml"))).Spec.Endpoints[0]
	if e.BasicAuth == nil || e.BasicAuth.Password.Key != "basic-auth-password" || e.Interval != "10s" || len(e.RelabelConfigs) != 1 {
		t.Errorf("got %+v", e)
	}
}

// The notes and the README say the same, and it is what there is.
func TestNotes(t *testing.T) {
	r := install(t, "")
	page := read(t, root+"/README.md")
	for _, command := range []string{
		"helm upgrade openfaas openfaas/openfaas -n openfaas --reuse-values --set gateway.logsProviderURL=http://logmux.openfaas:9195/",
		"kubectl -n openfaas set env deployment/gateway -c gateway logs_provider_url=http://logmux.openfaas:9195/",
	} {
		if !slices.Contains(strings.Split(r.notes, "\n"), "  "+command) {
			t.Errorf("the notes have no line %q:\n%s", command, r.notes)
		}
		if !slices.Contains(strings.Split(page, "\n"), command) {
			t.Errorf("the README has no line %q", command)
		}
	}
	s := service(t, r, "logmux")
	if url := fmt.Sprintf("http://%s.%s:%d/", s.Name, s.Namespace, s.Spec.Ports[0].Port); !strings.Contains(r.notes, " "+url+" ") {
		t.Errorf("the notes do not name %s:\n%s", url, r.notes)
	}
}

func TestNotesOf(t *testing.T) {
	for _, tt := range []struct {
		name, namespace, values string
		want                    []string
	}{
		{"logs", "tools", "{service: {port: 80}, openfaas: {release: faas, namespace: faas-system}}", []string{
			"helm upgrade faas openfaas/openfaas -n faas-system --reuse-values --set gateway.logsProviderURL=http://logs-logmux.tools:80/\n",
			"kubectl -n faas-system set env deployment/gateway -c gateway logs_provider_url=http://logs-logmux.tools:80/\n",
			"kubectl -n tools rollout status deployment/logs-logmux\n",
		}},
		{"logmux", "openfaas", read(t, "testdata/tls.yaml"), []string{"gateway.logsProviderURL=https://logmux.openfaas:9195/\n"}},
		{"logmux", "openfaas", "fullnameOverride: ours", []string{"gateway.logsProviderURL=http://ours.openfaas:9195/\n"}},
		{"logmux", "openfaas", "networkPolicy: {enabled: false}", []string{"whoever reaches logmux reads"}},
		{"logmux", "openfaas", "existingConfig: {configMap: mine}", []string{`server.listen must be ":9195"`}},
	} {
		r := installed(t, release{name: tt.name, namespace: tt.namespace, kubernetes: "v1.34.1"}, tt.values)
		for _, want := range tt.want {
			if !strings.Contains(r.notes, want) {
				t.Errorf("%s: want %q in\n%s", tt.values, want, r.notes)
			}
		}
		if name := one[*apps.Deployment](t, r).Name; service(t, r, "logmux").Name != name {
			t.Errorf("the Service has another name than the Deployment %s", name)
		}
	}
}
