package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openfaas-logmux/logmux/internal/sample"
)

func TestProbe(t *testing.T) {
	up := httptest.NewServer(&sample.FaasNetes{})
	defer up.Close()
	down := httptest.NewServer(&sample.FaasNetes{})
	down.Close()
	for _, tt := range []struct {
		name     string
		required bool
		code     int
		stderr   string
	}{
		{"one that is not required is down", false, exitOK, ""},
		{"a required one is down", true, exitError, "a required upstream cannot be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, fmt.Sprintf("upstreams:\n  - {name: here, url: %q}\n  - {name: gone, url: %q, required: %t}\n", up.URL, down.URL, tt.required))
			var stdout, stderr strings.Builder
			code := run(t.Context(), []string{"check", "--probe", file}, &stdout, &stderr)
			if code != tt.code || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("got %d, %q; want %d, %q", code, stderr.String(), tt.code, tt.stderr)
			}
			for _, want := range []string{"here      ok     no", "gone      dial   no", "gone: dial tcp"} {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("no %q in\n%s", want, &stdout)
				}
			}
		})
	}
}

func TestProbeFlagsNeedProbe(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"check", "--name", "f", "config.yaml"}, &stdout, &stderr); code != exitUsage {
		t.Errorf("got %d, want %d", code, exitUsage)
	}
}
