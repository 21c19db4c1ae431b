package chart_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"
)

// TestLint is `helm lint`, with each file of values.
func TestLint(t *testing.T) {
	version, err := chartutil.ParseKubeVersion("v1.34.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range valuesFiles(t) {
		values := map[string]any{}
		if err := yaml.Unmarshal([]byte(read(t, file)), &values); err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.AllWithKubeVersion(chartDir, values, "openfaas", version).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%q: %v", file, m)
			}
		}
	}
}

// Values that mean nothing are refused, with their name.
func TestWrongValues(t *testing.T) {
	for values, want := range map[string]string{
		"replicaCount: 2":                            "'replicaCount'",
		"autoScaling: {enabled: true}":               "'autoScaling'",
		"upstreams: []":                              "'upstreams'",
		"image: {repository: logmux}":                "/image",
		"image: ''":                                  "/image",
		"replicas: two":                              "/replicas",
		"replicas: -1":                               "/replicas",
		"secrets: [{name: basic-auth}]":              "/secrets/0",
		"secrets: [Basic_Auth]":                      "/secrets/0",
		"secrets: [../etc]":                          "/secrets/0",
		"secrets: [a, a]":                            "/secrets",
		"config: {upstreams: []}":                    "/config/upstreams",
		"config: {upstreams: [{name: a}]}":           "'url'",
		"config: {upstream: [{name: a, url: b}]}":    "'upstream'",
		"config: {queries: {}}":                      "'queries'",
		"networkPolicy: {ingress: []}":               "'ingress'",
		"service: {port: 0}":                         "/service/port",
		"service: {type: External}":                  "/service/type",
		"spill: {size: 1Gi}":                         "'size'",
		"podAnnotations: {prometheus.io/port: 9195}": "/podAnnotations",
		"existingConfig: my-config":                  "/existingConfig",
		"fullnameOverride: Logmux":                   "/fullnameOverride",
	} {
		got := refused(t, values)
		if !strings.Contains(got, want) || !strings.Contains(got, "values don't meet the specifications of the schema") {
			t.Errorf("%s: got %q, want it to name %s", values, got, want)
		}
	}
}

// defaults are those of values.yaml by their paths, each as JSON. A mapping that is
// free in form, because it goes to Kubernetes or logmux as it is, is one value.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(read(t, chartDir+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		whole := []string{"config", "startupProbe", "livenessProbe", "readinessProbe", "podSecurityContext", "securityContext"}
		if m, ok := value.(map[string]any); ok && len(m) > 0 && !slices.Contains(whole, path) {
			for key, value := range m {
				walk(strings.TrimPrefix(path+"."+key, "."), value)
			}
			return
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = string(encoded)
	}
	walk("", values)
	return found
}

var valueRow = regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| (.*?) \\|")

// inWords are the defaults that the table does not show in full.
var inWords = []string{"config", "topologySpreadConstraints", "podSecurityContext", "securityContext"}

// TestTable holds the README's table of values to values.yaml.
func TestTable(t *testing.T) {
	want, shown := defaults(t), map[string]bool{}
	for _, row := range valueRow.FindAllStringSubmatch(read(t, chartDir+"/README.md"), -1) {
		path, value := row[1], strings.Trim(row[2], "`")
		shown[path] = true
		if _, ok := want[path]; !ok {
			t.Errorf("the table has %s, and values.yaml has not", path)
			continue
		}
		if quoted := strings.Trim(want[path], `"`); !slices.Contains(inWords, path) && value != want[path] && (value != quoted || quoted == "") {
			t.Errorf("the table says that %s is %s, it is %s", path, value, want[path])
		}
	}
	for path := range want {
		if !shown[path] {
			t.Errorf("the table has no %s", path)
		}
	}
}

type schema struct {
	Properties           map[string]*schema `json:"properties"`
	AdditionalProperties any                `json:"additionalProperties"`
}

// TestSchema holds the schema to values.yaml: each value is named in it, and nowhere
// may be others but where they go to Kubernetes or logmux as they are.
func TestSchema(t *testing.T) {
	var top schema
	if err := json.Unmarshal([]byte(read(t, chartDir+"/values.schema.json")), &top); err != nil {
		t.Fatal(err)
	}
	for path := range defaults(t) {
		at := &top
		for _, key := range strings.Split(path, ".") {
			if at.Properties == nil {
				break // free in form
			}
			if at.AdditionalProperties != false {
				t.Errorf("%s: unknown keys beside it are not refused", path)
			}
			if at = at.Properties[key]; at == nil {
				t.Fatalf("the schema has no %s", path)
			}
		}
	}
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(read(t, chartDir+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(top.Properties)) {
		if _, ok := values[key]; !ok && key != "global" { // Helm's own
			t.Errorf("the schema has %s, and values.yaml has not", key)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestLinks(t *testing.T) {
	for _, m := range link.FindAllStringSubmatch(read(t, chartDir+"/README.md"), -1) {
		if _, err := os.Stat(filepath.Join(chartDir, m[1])); err != nil {
			t.Error(err)
		}
	}
}
