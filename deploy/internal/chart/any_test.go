package chart_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

// TestAnyValues holds each file of values to what is so with any.
func TestAnyValues(t *testing.T) {
	for _, file := range valuesFiles(t) {
		for _, r := range []release{
			{name: "logmux", namespace: "openfaas", kubernetes: "v1.34.1"},
			{name: "logs", namespace: "elsewhere", kubernetes: "v1.27.16-eks-1234567"},
		} {
			t.Run(path.Base(file)+"/"+r.name, func(t *testing.T) {
				r := installed(t, r, read(t, file))
				named(t, r)
				labelled(t, r)
				selected(t, r)
				mounted(t, r)
				restricted(t, r)
				if strings.Contains(r.notes, "%!") || !strings.Contains(r.notes, "logs_provider_url=") {
					t.Errorf("notes:\n%s", r.notes)
				}
			})
		}
	}
}

// named holds that no object takes another's name, and that all but the Service for
// faas-netes are in the release's namespace.
func named(t *testing.T, r release) {
	t.Helper()
	seen := map[string]bool{}
	for _, object := range r.objects {
		o, err := meta.Accessor(object)
		if err != nil {
			t.Fatal(err)
		}
		key := object.GetObjectKind().GroupVersionKind().Kind + " " + o.GetNamespace() + "/" + o.GetName()
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if o.GetNamespace() != r.namespace && o.GetLabels()["component"] != "faas-netes" {
			t.Errorf("%s is not in the namespace %s", key, r.namespace)
		}
	}
}

func labelled(t *testing.T, r release) {
	t.Helper()
	for _, object := range r.objects {
		o, _ := meta.Accessor(object)
		kind := object.GetObjectKind().GroupVersionKind().Kind
		for _, key := range []string{
			"app", "component", "chart", "heritage", "release", // of OpenFaaS' charts
			"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
			"app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart",
		} {
			if o.GetLabels()[key] == "" {
				t.Errorf("%s %s has no label %s", kind, o.GetName(), key)
			}
		}
		for _, err := range validation.ValidateLabels(o.GetLabels(), field.NewPath(kind)) {
			t.Error(err)
		}
	}
	for _, err := range validation.ValidateLabels(pod(t, r).Labels, field.NewPath("pod")) {
		t.Error(err)
	}
}

// selected holds that whatever selects pods finds logmux', and that what selects
// Services finds logmux' alone.
func selected(t *testing.T, r release) {
	t.Helper()
	pod := labels.Set(pod(t, r).Labels)
	selectors := map[string]*metav1.LabelSelector{"Deployment": one[*apps.Deployment](t, r).Spec.Selector}
	for _, b := range all[*policy.PodDisruptionBudget](r) {
		selectors["PodDisruptionBudget"] = b.Spec.Selector
	}
	for _, p := range all[*networking.NetworkPolicy](r) {
		selectors["NetworkPolicy"] = &p.Spec.PodSelector
	}
	for _, s := range all[*core.Service](r) {
		if s.Labels["component"] == "logmux" {
			selectors["Service"] = &metav1.LabelSelector{MatchLabels: s.Spec.Selector}
		}
	}
	if selectors["Service"] == nil {
		t.Error("there is no Service")
	}
	for kind, s := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(s)
		switch {
		case err != nil:
			t.Errorf("%s: %v", kind, err)
		case selector.Empty():
			t.Errorf("the %s selects all pods of the namespace", kind)
		case !selector.Matches(pod):
			t.Errorf("the %s selects %s, and the pods are %s", kind, selector, pod)
		case !strings.Contains(selector.String(), r.name):
			t.Errorf("the %s selects %s: another release's pods too", kind, selector)
		}
	}
	for _, m := range all[*monitoring.ServiceMonitor](r) {
		selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all[*core.Service](r) {
			if want := s.Labels["component"] == "logmux"; selector.Matches(labels.Set(s.Labels)) != want {
				t.Errorf("the ServiceMonitor selects the Service %s: %t, want %t", s.Name, !want, want)
			}
		}
	}
}

// mounted holds that each mount has its volume, and each volume its mount.
func mounted(t *testing.T, r release) {
	t.Helper()
	var volumes, mounts, paths []string
	for _, v := range pod(t, r).Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, m := range container(t, r).VolumeMounts {
		mounts = append(mounts, m.Name)
		paths = append(paths, m.MountPath)
		if m.SubPath != "" || m.SubPathExpr != "" {
			t.Errorf("%s is mounted by subPath: a change of it is never seen", m.MountPath)
		}
	}
	for _, list := range [][]string{volumes, mounts, paths} {
		slices.Sort(list)
	}
	if !slices.Equal(volumes, mounts) {
		t.Errorf("volumes %q, mounts %q", volumes, mounts)
	}
	if len(slices.Compact(slices.Clone(paths))) != len(paths) || len(slices.Compact(volumes)) != len(mounts) {
		t.Errorf("something is mounted twice: %q", paths)
	}
}

// restricted holds the pod to the level of this name of the Pod Security Standards,
// and to no more access than it needs.
func restricted(t *testing.T, r release) {
	t.Helper()
	spec, c := pod(t, r).Spec, container(t, r)
	p, s := spec.SecurityContext, c.SecurityContext
	for what, ok := range map[string]bool{
		"runAsNonRoot":                  *p.RunAsNonRoot,
		"runAsUser 65532":               *p.RunAsUser == 65532,
		"seccomp RuntimeDefault":        p.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"read-only root":                *s.ReadOnlyRootFilesystem,
		"no privilege escalation":       !*s.AllowPrivilegeEscalation,
		"not privileged":                !*s.Privileged,
		"all capabilities dropped":      slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) && len(s.Capabilities.Add) == 0,
		"no host namespace":             !spec.HostNetwork && !spec.HostPID && !spec.HostIPC,
		"no token":                      spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken,
		"no variables for each Service": spec.EnableServiceLinks != nil && !*spec.EnableServiceLinks,
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
	for _, v := range spec.Volumes {
		if v.HostPath != nil {
			t.Errorf("the volume %s is the host's", v.Name)
		}
	}
	for _, a := range all[*core.ServiceAccount](r) {
		if a.Name != spec.ServiceAccountName || a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken {
			t.Errorf("ServiceAccount %s, automount %v", a.Name, a.AutomountServiceAccountToken)
		}
	}
}

func pod(t *testing.T, r release) core.PodTemplateSpec {
	t.Helper()
	return one[*apps.Deployment](t, r).Spec.Template
}

func container(t *testing.T, r release) core.Container {
	t.Helper()
	containers := pod(t, r).Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("got %d containers, want 1", len(containers))
	}
	return containers[0]
}

// What nobody asked for is not there.
func TestKinds(t *testing.T) {
	for values, want := range map[string]string{
		"":                         "ConfigMap Deployment NetworkPolicy PodDisruptionBudget Service Service ServiceAccount",
		"testdata/nothing.yaml":    "ConfigMap Deployment Service",
		"testdata/everything.yaml": "ConfigMap Deployment HorizontalPodAutoscaler NetworkPolicy PodDisruptionBudget Service Service ServiceAccount ServiceMonitor",
	} {
		var got []string
		for _, o := range install(t, read(t, values)).objects {
			got = append(got, o.GetObjectKind().GroupVersionKind().Kind)
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: got %s, want %s", values, got, want)
		}
	}
}

// A label or annotation of the user's own goes before the chart's, but for those
// that select the pods.
func TestOwnLabels(t *testing.T) {
	r := install(t, `
podLabels: {app: mine, team: platform, app.kubernetes.io/name: other}
podAnnotations: {prometheus.io/scrape: "false"}
serviceMonitor: {enabled: true, labels: {release: prometheus}, endpoint: {path: /other}}
`)
	want := map[string]string{
		"app": "logmux", "team": "platform", "app.kubernetes.io/name": "logmux",
		"app.kubernetes.io/instance": "logmux", "app.kubernetes.io/component": "logmux",
	}
	if got := pod(t, r).Labels; !maps.Equal(got, want) {
		t.Errorf("got the labels %v, want %v", got, want)
	}
	if got := pod(t, r).Annotations["prometheus.io/scrape"]; got != "false" {
		t.Errorf("prometheus.io/scrape is %q, want false", got)
	}
	m := one[*monitoring.ServiceMonitor](t, r)
	if m.Labels["release"] != "prometheus" || m.Spec.Endpoints[0].Path != "/other" || m.Spec.Endpoints[0].Port != "http" {
		t.Errorf("got %v %+v", m.Labels, m.Spec.Endpoints)
	}
}
