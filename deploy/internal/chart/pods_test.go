package chart_test

import (
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestProbes(t *testing.T) {
	for _, tt := range []struct {
		values string
		scheme core.URIScheme // empty: a connection is all that is asked
	}{
		{"", "HTTP"},
		{read(t, "testdata/tls.yaml"), "HTTPS"},
		{"existingConfig: {configMap: mine}", "HTTP"},
		{"existingConfig: {configMap: mine, tls: true}", "HTTPS"},
		{"existingConfig: {tls: true}", "HTTP"}, // there is no such config
		{"{existingConfig: {configMap: mine}, config: {server: {tls: {cert_file: /not/used}}}}", "HTTP"},
		// The kubelet has no certificate that it could show.
		{"config: {server: {tls: {cert_file: /a, key_file: /b, client_ca_file: /c}}}", ""},
	} {
		c := container(t, install(t, tt.values))
		for path, probes := range map[string][]*core.Probe{
			"/healthz": {c.StartupProbe, c.LivenessProbe},
			"/readyz":  {c.ReadinessProbe},
		} {
			for _, p := range probes {
				switch {
				case p == nil:
					t.Fatalf("%s: a probe is missing", tt.values)
				case tt.scheme == "" && (p.TCPSocket == nil || p.HTTPGet != nil || p.TCPSocket.Port.StrVal != "http"):
					t.Errorf("%s: got %+v, want a connection", tt.values, p.ProbeHandler)
				case tt.scheme != "" && (p.HTTPGet == nil || p.HTTPGet.Path != path || p.HTTPGet.Scheme != tt.scheme || p.HTTPGet.Port.StrVal != "http"):
					t.Errorf("%s: got %+v, want %s by %s", tt.values, p.ProbeHandler, path, tt.scheme)
				}
			}
		}
	}
}

func TestOwnProbe(t *testing.T) {
	c := container(t, install(t, read(t, "testdata/mutual-tls.yaml")))
	if p := c.ReadinessProbe; p.TCPSocket != nil || p.HTTPGet.Port.IntVal != 9196 || p.PeriodSeconds != 5 {
		t.Errorf("got %+v", p)
	}
}

// The pod is killed only after logmux has had the time that it takes to end.
func TestShutdown(t *testing.T) {
	for _, tt := range []struct {
		values, kubernetes string
		sleep, grace       int64
	}{
		{"", "v1.34.1", 5, 15 + 5 + 10},
		{"", "v1.30.0-gke.1", 5, 30},
		{"", "v1.29.9", 0, 15 + 10}, // has no sleep
		{"preStopSleepSeconds: 0", "v1.34.1", 0, 25},
		{"config: {server: {shutdown_timeout: 1m30.5s}}", "v1.34.1", 5, 91 + 5 + 10},
		{"config: {server: {shutdown_timeout: 1h}}", "v1.34.1", 5, 3600 + 5 + 10},
		{"config: {server: {shutdown_timeout: 1500ms}}", "v1.34.1", 5, 2 + 5 + 10},
		{"config: {server: {shutdown_timeout: 0}}", "v1.34.1", 5, 15},
		{"terminationGracePeriodSeconds: 21", "v1.34.1", 5, 21},
		{"{existingConfig: {secret: mine}, config: {server: {shutdown_timeout: 1h}}}", "v1.34.1", 5, 30},
	} {
		r := installed(t, release{name: "logmux", namespace: "openfaas", kubernetes: tt.kubernetes}, tt.values)
		if got := pod(t, r).Spec.TerminationGracePeriodSeconds; got == nil || *got != tt.grace {
			t.Errorf("%s on %s: %v s of grace, want %d", tt.values, tt.kubernetes, got, tt.grace)
		}
		var slept int64
		if l := container(t, r).Lifecycle; l != nil {
			slept = l.PreStop.Sleep.Seconds
		}
		if slept != tt.sleep {
			t.Errorf("%s on %s: %d s of sleep, want %d", tt.values, tt.kubernetes, slept, tt.sleep)
		}
	}
	got := refused(t, "{terminationGracePeriodSeconds: 60, config: {server: {shutdown_timeout: 55s}}}")
	if want := "terminationGracePeriodSeconds is 60, and must be more than preStopSleepSeconds and config.server.shutdown_timeout, which take 60"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMemory(t *testing.T) {
	variable := func(r release, name string) *core.EnvVar {
		env := container(t, r).Env
		i := slices.IndexFunc(env, func(e core.EnvVar) bool { return e.Name == name })
		if i < 0 {
			return nil
		}
		if slices.ContainsFunc(env[i+1:], func(e core.EnvVar) bool { return e.Name == name }) {
			t.Errorf("%s is set twice", name)
		}
		return &env[i]
	}

	r := install(t, "")
	limit := variable(r, "MEMORY_LIMIT_MI").ValueFrom.ResourceFieldRef
	if limit.Resource != "limits.memory" || limit.ContainerName != "logmux" || limit.Divisor.Cmp(resource.MustParse("1Mi")) != 0 {
		t.Errorf("got %+v", limit)
	}
	if got, want := variable(r, "GOMEMLIMIT").Value, "$(MEMORY_LIMIT_MI)000000"; got != want {
		t.Errorf("GOMEMLIMIT is %s, want %s", got, want)
	}

	if e := variable(install(t, "resources: {limits: {memory: null}}"), "GOMEMLIMIT"); e != nil {
		t.Errorf("without a limit of the container GOMEMLIMIT is %+v", e)
	}
	if e := variable(install(t, "env: [{name: GOMEMLIMIT, value: 1GiB}]"), "GOMEMLIMIT"); e.Value != "1GiB" {
		t.Errorf("the user's GOMEMLIMIT is %+v", e)
	}
}

func TestSpill(t *testing.T) {
	spec := pod(t, install(t, "")).Spec
	i := slices.IndexFunc(spec.Volumes, func(v core.Volume) bool { return v.Name == "spill" })
	if e := spec.Volumes[i].EmptyDir; e == nil || e.SizeLimit.Cmp(resource.MustParse("8Gi")) != 0 || e.Medium != "" {
		t.Errorf("got %+v", spec.Volumes[i])
	}
}

func TestSecrets(t *testing.T) {
	spec := pod(t, install(t, "secrets: [basic-auth, us-east.credentials]")).Spec
	got := map[string]string{}
	for _, v := range spec.Volumes {
		for _, m := range spec.Containers[0].VolumeMounts {
			if m.Name != v.Name || v.Secret == nil {
				continue
			}
			got[v.Secret.SecretName] = m.MountPath
			if !m.ReadOnly || *v.Secret.DefaultMode != 0o440 {
				t.Errorf("%s: read-only %t, mode %o", m.MountPath, m.ReadOnly, *v.Secret.DefaultMode)
			}
		}
	}
	if len(got) != 2 || got["basic-auth"] != "/var/secrets/basic-auth" || got["us-east.credentials"] != "/var/secrets/us-east.credentials" {
		t.Errorf("got %v", got)
	}
	if *spec.SecurityContext.FSGroup != *spec.SecurityContext.RunAsUser {
		t.Error("logmux cannot read what only the group may read")
	}
}

func TestImage(t *testing.T) {
	c, err := loadChart()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := container(t, install(t, "")).Image, "ghcr.io/openfaas-logmux/logmux:"+c.Metadata.AppVersion; got != want {
		t.Errorf("the image is %s, want %s, for the chart's appVersion", got, want)
	}
	command := strings.Join(container(t, install(t, "")).Args, `", "`)
	if !strings.Contains(read(t, root+"/Dockerfile"), `CMD ["`+command+`"]`) {
		t.Errorf("the Dockerfile has another command than %q", command)
	}
}
