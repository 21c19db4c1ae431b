package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

func TestALineNamesItsProvider(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.Local)
	for _, tt := range []struct {
		name, instance string
		inColour       bool
		want           string
	}{
		{"plain", edge1, false, "  edge     03:04:05.006  hello\n"},
		{"coloured", edge1, true, "  \x1b[36medge   \x1b[0m  03:04:05.006  hello\n"},
		{"another provider", west2, true, "  \x1b[32meu-west\x1b[0m  03:04:05.006  hello\n"},
		{"warning", line.WarningInstance, true, "  \x1b[31mlogmux \x1b[0m  03:04:05.006  hello\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			newPrinter(&out, newProviders(), tt.inColour).line(line.Message{Instance: tt.instance, Timestamp: at, Text: "hello\n"})
			if got := out.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
