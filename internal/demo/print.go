package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/openfaas-logmux/logmux/internal/line"
)

// A printer writes what is shown, whole lines at a time. It is safe for
// concurrent use.
type printer struct {
	mu     sync.Mutex
	out    io.Writer
	labels map[string]string // what stands before a line, by its instance
}

// ANSI colours: one for each provider, and one for warnings.
var colours = []string{"\x1b[32m", "\x1b[36m", "\x1b[35m"}

const (
	warningColour = "\x1b[31m"
	endColour     = "\x1b[0m"
)

func newPrinter(out io.Writer, ps providers, inColour bool) *printer {
	width := len(line.WarningInstance)
	for _, p := range ps {
		width = max(width, len(p.name))
	}
	label := func(name, colour string) string {
		name = fmt.Sprintf("%-*s", width, name)
		if inColour {
			return colour + name + endColour
		}
		return name
	}
	labels := map[string]string{line.WarningInstance: label(line.WarningInstance, warningColour)}
	for i, p := range ps {
		for _, instance := range p.instances {
			labels[instance] = label(p.name, colours[i%len(colours)])
		}
	}
	return &printer{out: out, labels: labels}
}

// say prints a line of the demo's own. What it fails to print is nobody's loss.
func (p *printer) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *printer) provider(of *provider) {
	p.say("  %s  %-13s  %s: %s", p.labels[of.instances[0]], of.kind, of.address, of.habits)
}

func (p *printer) request(query string) {
	p.say("\nGET /system/logs?%s", query)
}

// line prints a log line behind the name of the provider that sent it.
func (p *printer) line(m line.Message) {
	p.say("  %s  %s  %s", p.labels[m.Instance], m.Timestamp.Local().Format("15:04:05.000"), strings.TrimSuffix(m.Text, "\n"))
}
