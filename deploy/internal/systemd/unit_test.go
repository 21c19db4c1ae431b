// Package systemd_test asks systemd itself about the unit, where there is one.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	unitFile = "../../systemd/logmux.service"
	binary   = "/usr/local/bin/logmux"
)

// analyze runs systemd-analyze on a copy of the unit whose binary is there.
func analyze(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not on this machine: the unit was not looked at")
	}
	unit := strings.ReplaceAll(read(t), "ExecStart="+binary+" ", "ExecStart=/bin/true ")
	copied := filepath.Join(t.TempDir(), "logmux.service")
	if err := os.WriteFile(copied, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(program, append(args, copied)...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	t.Logf("%s", output)
	// What it does not know it only warns of.
	if strings.Contains(string(output), copied) {
		t.Errorf("systemd-analyze %s:\n%s", strings.Join(args, " "), output)
	}
}

func TestVerify(t *testing.T) { analyze(t, "verify", "--man=no") }

// The threshold is in tenths: an exposure of 2.0 is "OK", the best is 0.
func TestSecurity(t *testing.T) {
	analyze(t, "security", "--no-pager", "--offline=true", "--threshold=20")
}

func TestUnit(t *testing.T) {
	unit := settings(t)
	if got, want := unit["ExecStart"], binary+" serve --config /etc/logmux/config.yaml"; got != want {
		t.Errorf("ExecStart=%s, want %s", got, want)
	}
	if got, want := unit["ExecReload"], "/bin/kill -HUP $MAINPID"; got != want {
		t.Errorf("ExecReload=%s, want %s", got, want)
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"])
	if shutdown := 15 * time.Second; err != nil || stop <= shutdown {
		t.Errorf("TimeoutStopSec=%s, want more than the %s of server.shutdown_timeout", unit["TimeoutStopSec"], shutdown)
	}
	if cache := "/var/cache/" + unit["CacheDirectory"]; !strings.Contains(unit["Environment"], "TMPDIR="+cache) {
		t.Errorf("Environment=%s: lines would not be spilled to %s", unit["Environment"], cache)
	}
}

// settings are the unit's, without comments. Where a name is there twice, its values
// are joined by a space.
func settings(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)=(.*)$`).FindAllStringSubmatch(read(t), -1) {
		found[m[1]] = strings.TrimSpace(found[m[1]] + " " + m[2])
	}
	return found
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
