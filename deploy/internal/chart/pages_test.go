package chart_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestPages takes what pages show in yaml as what it is: manifests, or values of the
// chart.
func TestPages(t *testing.T) {
	for _, page := range []string{"docs/kubernetes.md", "deploy/chart/README.md"} {
		blocks := yamlBlock.FindAllStringSubmatch(read(t, root+"/"+page), -1)
		if len(blocks) == 0 {
			t.Errorf("%s shows no yaml", page)
		}
		for i, b := range blocks {
			t.Run(fmt.Sprintf("%s/yaml%d", page, i+1), func(t *testing.T) {
				if !strings.Contains(b[1], "apiVersion:") {
					parse(t, install(t, b[1]))
					return
				}
				if _, err := decode(b[1]); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestPlainManifests holds the manifests for those without helm to what is held of
// the chart's.
func TestPlainManifests(t *testing.T) {
	r := release{name: "logmux", namespace: "openfaas"}
	for _, b := range yamlBlock.FindAllStringSubmatch(read(t, root+"/docs/kubernetes.md"), -1) {
		if !strings.Contains(b[1], "apiVersion:") {
			continue
		}
		objects, err := decode(b[1])
		if err != nil {
			t.Fatal(err)
		}
		r.objects = append(r.objects, objects...)
	}
	named(t, r)
	mounted(t, r)
	restricted(t, r)

	d := one[*apps.Deployment](t, r)
	cfg := parse(t, r)
	if got, least := *d.Spec.Template.Spec.TerminationGracePeriodSeconds, int64(cfg.Server.ShutdownTimeout.Seconds())+container(t, r).Lifecycle.PreStop.Sleep.Seconds; got <= least {
		t.Errorf("%d s of grace, want more than %d", got, least)
	}
	limits := container(t, r).Resources.Limits
	if limit := limits.Memory().Value(); limit <= cfg.Server.MemoryLimit {
		t.Errorf("the container's limit %d is not more than server.memory_limit %d", limit, cfg.Server.MemoryLimit)
	}
	pods := labels.Set(d.Spec.Template.Labels)
	for what, selector := range map[string]map[string]string{
		"Deployment":    d.Spec.Selector.MatchLabels,
		"NetworkPolicy": one[*networking.NetworkPolicy](t, r).Spec.PodSelector.MatchLabels,
		"Service":       plainService(t, r, "logmux").Spec.Selector,
	} {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(pods) {
			t.Errorf("the %s selects %v, the pods are %v", what, selector, pods)
		}
	}
	if got := plainService(t, r, "faas-netes").Spec.Selector["app"]; got != "gateway" {
		t.Errorf("the Service of faas-netes selects %s", got)
	}
}

func plainService(t *testing.T, r release, name string) *core.Service {
	t.Helper()
	for _, s := range all[*core.Service](r) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no Service %s", name)
	return nil
}
