package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/internal/line"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func message(instance, text string) string {
	return string(line.Append(nil, line.Message{Name: "figlet", Instance: instance, Timestamp: noon, Text: text}))
}

// warned is what a handler sends where an upstream failed.
var warned = message(line.WarningInstance, "logmux: edge failed: dial: refused; its lines are missing")

// print prints the lines in one write and returns stdout and stderr.
func printed(t *testing.T, p *Printer, lines ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	p.Out.Writer, p.Err.Writer = &out, &err
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	all := strings.Join(lines, "")
	if n, err := p.Write([]byte(all)); n != len(all) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(all), err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String(), err.String()
}

func TestText(t *testing.T) {
	prefixes := []string{"eu-west/", "edge/", "lab:"}
	for _, tt := range []struct {
		name    string
		printer Printer
		lines   []string
		want    string
	}{
		{
			"one column, as wide as the longest label",
			Printer{Prefixes: prefixes},
			[]string{message("edge/17", "one"), message("eu-west/figlet-7d9c-abcde", "two"), message("lab:a", "three")},
			"edge/17                   one\n" +
				"eu-west/figlet-7d9c-abcde two\n" +
				"lab:a                     three\n",
		},
		{
			"with time",
			Printer{Timestamps: true},
			[]string{message("17", "one")},
			"2026-03-01T12:00:00.123Z 17 one\n",
		},
		{
			"in another zone",
			Printer{Timestamps: true, Zone: time.FixedZone("", 5400)},
			[]string{message("17", "one")},
			"2026-03-01T13:30:00.123+01:30 17 one\n",
		},
		{
			"without a timestamp",
			Printer{Timestamps: true},
			[]string{`{"name":"figlet","instance":"17","text":"one"}` + "\n"},
			"                       - 17 one\n",
		},
		{
			"newlines at the end",
			Printer{},
			[]string{message("a", "netes\n"), message("a", "windows\r\n"), message("a", "faasd"), message("a", "two\n\n"), message("a", "")},
			"a netes\na windows\na faasd\na two\na \na \n",
		},
		{
			"each line of a text has a label",
			Printer{Timestamps: true},
			[]string{message("a", "panic\n\tat main.go:1\n")},
			"2026-03-01T12:00:00.123Z a panic\n2026-03-01T12:00:00.123Z a \tat main.go:1\n",
		},
		{
			"no instance",
			Printer{Prefixes: prefixes},
			[]string{message("", "one"), message("edge/", "two")},
			"-     one\nedge/ two\n",
		},
		{
			"an instance that is made to look like lines",
			Printer{},
			[]string{message("a\nb\x1b[31m", "one")},
			`a\nb one` + "\n",
		},
		{
			"a label of excessive length moves only its own line",
			Printer{},
			[]string{message("a", "one"), message(strings.Repeat("x", 60), "two")},
			"a" + strings.Repeat(" ", 48) + "one\n" + strings.Repeat("x", 60) + " two\n",
		},
		{
			"keepalives are no lines",
			Printer{},
			[]string{"\n", message("a", "one"), "\r\n"},
			"a one\n",
		},
		{
			"what is no message is shown",
			Printer{},
			[]string{"<html>\n"},
			"- <html>\n",
		},
		{
			"other lines of an instance called logmux",
			Printer{},
			[]string{message("logmux", "started")},
			"logmux started\n",
		},
		{
			"raw",
			Printer{Format: Raw},
			[]string{message("a", `{"level":"info"}`+"\n"), message("b", "two")},
			"{\"level\":\"info\"}\ntwo\n",
		},
		{
			"raw with time",
			Printer{Format: Raw, Timestamps: true},
			[]string{message("a", "one")},
			"2026-03-01T12:00:00.123Z one\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.printer.Format == "" {
				tt.printer.Format = Text
			}
			got, stderr := printed(t, &tt.printer, tt.lines...)
			if got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
			if stderr != "" {
				t.Errorf("stderr: %q", stderr)
			}
		})
	}
}

func TestColours(t *testing.T) {
	p := &Printer{Format: Text, Timestamps: true, Prefixes: []string{"eu/"}, Out: Stream{Colour: true, Terminal: true}, Err: Stream{Colour: true, Terminal: true}}
	stdout, stderr := printed(t, p,
		message("eu/pod-1", "plain"),
		message("eu", "<html>"), // a line that was no message
		message("hub/eu/x", "\x1b[32mgreen"),
		warned)
	const stamp = "\x1b[2m2026-03-01T12:00:00.123Z\x1b[0m "
	want := stamp + "\x1b[1;38;5;28meu/\x1b[0m\x1b[38;5;128mpod-1\x1b[0m plain\n" +
		stamp + "\x1b[1;38;5;28meu\x1b[0m       <html>\n" +
		stamp + "\x1b[1;38;5;163mhub/\x1b[0m\x1b[38;5;163meu/x\x1b[0m \x1b[32mgreen\x1b[0m\n"
	if stdout != want {
		t.Errorf("got\n%q\nwant\n%q", stdout, want)
	}
	if want := "\x1b[38;5;136mlogmux: edge failed: dial: refused; its lines are missing\x1b[0m\n"; stderr != want {
		t.Errorf("stderr: got %q, want %q", stderr, want)
	}
}

func TestJSONIsUnchanged(t *testing.T) {
	odd := `{ "TEXT":"a\u003c", "n":1.50,"instance":"logmux-1"}` + "\n"
	p := &Printer{Format: JSON, Timestamps: true, Out: Stream{Colour: true, Terminal: true}}
	stdout, stderr := printed(t, p, odd, "\n", message("logmux", "started"), warned, message("a", "\x1b[2J\n"))
	if want := odd + message("logmux", "started") + message("a", "\x1b[2J\n"); stdout != want {
		t.Errorf("got\n%q\nwant\n%q", stdout, want)
	}
	if want := "logmux: edge failed: dial: refused; its lines are missing\n"; stderr != want {
		t.Errorf("stderr: got %q, want %q", stderr, want)
	}
	if p.Lines != 3 || p.Warnings != 1 {
		t.Errorf("counted %d lines and %d warnings, want 3 and 1", p.Lines, p.Warnings)
	}
}

// Stdout and stderr are often one terminal.
func TestAWarningStandsWhereItWasSent(t *testing.T) {
	for _, format := range []Format{Text, JSON, Raw} {
		var both bytes.Buffer
		p := &Printer{Format: format, Out: Stream{Writer: &both}, Err: Stream{Writer: &both}}
		fmt.Fprint(p, message("a", "one"), warned, message("a", "two"))
		p.Flush()
		got := both.String()
		if one, w, two := strings.Index(got, "one"), strings.Index(got, "edge failed"), strings.Index(got, "two"); !(0 <= one && one < w && w < two) {
			t.Errorf("%s: got %q", format, got)
		}
	}
}

type failing struct{ after int }

var errGone = errors.New("gone")

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errGone
	}
	return len(p), nil
}

func TestTheFirstErrorStays(t *testing.T) {
	p := &Printer{Format: Raw, Out: Stream{Writer: &failing{}}, Err: Stream{Writer: io.Discard}}
	if _, err := io.WriteString(p, message("a", "one")); err != nil {
		t.Errorf("a buffered line: %v", err)
	}
	if err := p.Flush(); err != errGone {
		t.Errorf("flush: got %v", err)
	}
	p.Out.Writer = io.Discard
	if _, err := io.WriteString(p, message("a", "two")); err != errGone {
		t.Errorf("write after an error: got %v", err)
	}
}

func TestMuchIsWrittenBeforeTheFlush(t *testing.T) {
	var out bytes.Buffer
	p := &Printer{Format: Text, Out: Stream{Writer: &out}}
	for range 2000 {
		io.WriteString(p, message("a", strings.Repeat("x", 100)))
	}
	if out.Len() < 100_000 || len(p.buffer) >= bufferSize {
		t.Errorf("%d bytes written, %d held", out.Len(), len(p.buffer))
	}
}

func BenchmarkText(b *testing.B) {
	var lines bytes.Buffer
	for i := range 300 {
		lines.WriteString(message(fmt.Sprintf("eu-west/figlet-7d9c-%d", i%10), strings.Repeat("some text ", 20)+"\n"))
	}
	p := &Printer{Format: Text, Timestamps: true, Out: Stream{Writer: io.Discard, Colour: true, Terminal: true}, Prefixes: []string{"eu-west/", "edge/"}}
	b.SetBytes(int64(lines.Len()))
	b.ReportMetric(300, "lines/op")
	for b.Loop() {
		p.Write(lines.Bytes())
	}
}
