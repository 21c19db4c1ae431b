package chart_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/openfaas-logmux/logmux/internal/config"
)

// TestConfig takes each config.yaml as logmux does in its pod.
func TestConfig(t *testing.T) {
	for _, file := range valuesFiles(t) {
		t.Run(path.Base(file), func(t *testing.T) {
			r := install(t, read(t, file))
			if maps := all[*core.ConfigMap](r); len(maps) == 0 {
				if !strings.Contains(file, "existing") {
					t.Error("there is no config")
				}
				return
			}
			cfg := parse(t, r)
			if got, want := cfg.Server.Listen, ":9195"; got != want {
				t.Errorf("logmux listens on %s, want %s", got, want)
			}
			if cfg.Query.SpillDir == "" {
				t.Error("query.spill_dir is empty")
			}
		})
	}
}

// parse reads the config in a directory that has what the pod has.
func parse(t *testing.T, r release) *config.Config {
	t.Helper()
	text := one[*core.ConfigMap](t, r).Data["config.yaml"]
	return parseText(t, text, container(t, r).VolumeMounts)
}

func parseText(t *testing.T, text string, mounts []core.VolumeMount) *config.Config {
	t.Helper()
	cfg, err := config.Parse("config.yaml", []byte(inPod(t, text, mounts)))
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return cfg
}

// inPod puts the files that a config names below a temporary directory, and makes
// those of them that are in a mounted volume.
func inPod(t *testing.T, text string, mounts []core.VolumeMount) string {
	t.Helper()
	top := t.TempDir()
	for _, m := range mounts {
		if err := os.MkdirAll(top+m.MountPath, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	certificate, key := keyPair(t)
	return regexp.MustCompile(`((?:_file|spill_dir): *)(/[^ ,}\n]+)`).ReplaceAllStringFunc(text, func(setting string) string {
		name, file, _ := strings.Cut(setting, "/")
		file = "/" + file
		content := "secret\n"
		switch filepath.Ext(file) {
		case ".crt":
			content = certificate
		case ".key":
			content = key
		}
		if !strings.HasPrefix(name, "spill_dir") {
			err := os.WriteFile(top+file, []byte(content), 0o600)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // in no volume: logmux will say so
				t.Fatal(err)
			}
		}
		return name + top + file
	})
}

func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return block("CERTIFICATE", signed), block("PRIVATE KEY", encoded)
}

// A file that is in no volume is what the test above would find.
func TestConfigWithoutItsSecret(t *testing.T) {
	r := install(t, "secrets: []")
	text := inPod(t, one[*core.ConfigMap](t, r).Data["config.yaml"], container(t, r).VolumeMounts)
	if _, err := config.Parse("config.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "user_file: the file does not exist") {
		t.Errorf("got %v, want that a file does not exist", err)
	}
}

// The limits that the chart sets fit to each other and to logmux' defaults.
func TestLimits(t *testing.T) {
	r := install(t, "")
	cfg := parse(t, r)
	resources := container(t, r).Resources
	if limit := resources.Limits.Memory().Value(); limit <= cfg.Server.MemoryLimit {
		t.Errorf("the container's limit %d is not more than server.memory_limit %d", limit, cfg.Server.MemoryLimit)
	}
	for _, v := range pod(t, r).Spec.Volumes {
		if v.EmptyDir != nil && v.EmptyDir.SizeLimit.Value() <= cfg.Query.SpillLimit {
			t.Errorf("the spill volume's %d is not more than query.spill_limit %d", v.EmptyDir.SizeLimit.Value(), cfg.Query.SpillLimit)
		}
	}
}

func TestSpillDir(t *testing.T) {
	for values, want := range map[string]string{
		"":                                       "/spill",
		read(t, "testdata/spill-elsewhere.yaml"): "/fast/spill",
		"config: {query: {spill_dir: ''}}":       "/spill",
		"config: {query: {spill_limit: 1GiB}}":   "/spill",
	} {
		text := one[*core.ConfigMap](t, install(t, values)).Data["config.yaml"]
		if !strings.Contains(text, "spill_dir: "+want+"\n") {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
}

// The config is a directory in the pod, so that Kubernetes can change it.
func TestConfigVolume(t *testing.T) {
	for _, tt := range []struct{ values, configMap, secret string }{
		{"", "logmux", ""},
		{"existingConfig: {configMap: mine}", "mine", ""},
		{"existingConfig: {secret: mine}", "", "mine"},
	} {
		r := install(t, tt.values)
		if made, want := len(all[*core.ConfigMap](r)) == 1, tt.configMap == "logmux"; made != want {
			t.Errorf("%s: made a ConfigMap: %t, want %t", tt.values, made, want)
		}
		for _, v := range pod(t, r).Spec.Volumes {
			if v.Name != "config" {
				continue
			}
			if (tt.configMap != "") != (v.ConfigMap != nil) || (tt.secret != "") != (v.Secret != nil) ||
				v.ConfigMap != nil && v.ConfigMap.Name != tt.configMap || v.Secret != nil && v.Secret.SecretName != tt.secret {
				t.Errorf("%s: got %+v", tt.values, v)
			}
		}
		for _, m := range container(t, r).VolumeMounts {
			if m.Name == "config" && (m.MountPath != "/etc/logmux" || !m.ReadOnly) {
				t.Errorf("%s: got %+v", tt.values, m)
			}
		}
	}
	got := refused(t, "existingConfig: {configMap: a, secret: b}")
	if want := "existingConfig.configMap and existingConfig.secret are both set"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A change of the config restarts no pod, unless that is wanted.
func TestRestart(t *testing.T) {
	pods := func(values string) string {
		template := pod(t, install(t, values))
		return template.String()
	}
	const other = "config: {query: {timeout: 20s}}\n"
	if pods("") != pods(other) {
		t.Error("a change of the config changes the pods")
	}
	const restart = "restartOnConfigChange: true\n"
	if pods(restart) == pods(restart+other) {
		t.Error("a change of the config does not restart the pods")
	}
	const existing = restart + "existingConfig: {configMap: mine}\n"
	if pods(existing) != pods(existing+other) {
		t.Error("a change of a config that is not used restarts the pods")
	}
	if pods(restart) != pods(restart+"replicas: 5") {
		t.Error("a change of something else restarts the pods")
	}
}

// The pods' port is the chart's to know: probes, Service and NetworkPolicy depend on it.
func TestListen(t *testing.T) {
	for _, ok := range []string{":9195", "0.0.0.0:9195", "[::]:9195"} {
		install(t, "config: {server: {listen: '"+ok+"'}}")
	}
	for _, wrong := range []string{":80", "127.0.0.1:9195", ":19195"} {
		got := refused(t, "config: {server: {listen: '"+wrong+"'}}")
		if want := "config.server.listen is " + wrong + ": leave it out"; !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
