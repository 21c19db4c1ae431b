package line

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at is a canonical line of the instance at noon plus d.
func at(instance string, d time.Duration, text string) string {
	return string(Append(nil, Message{"figlet", "", instance, noon.Add(d), text}))
}

type result struct {
	lines    []string
	keys     []int64
	warnings []string
	stats    Stats
	err      error
}

func read(t testing.TB, src io.Reader, opts Options) result {
	t.Helper()
	var got result
	opts.Upstream, opts.Name, opts.Namespace = "eu-west", "figlet", "fn"
	opts.Now = func() time.Time { return noon }
	opts.Warning = func(line []byte) { got.warnings = append(got.warnings, string(line)) }
	r := NewReader(src, opts)
	for {
		b, err := r.Next()
		if err != nil {
			got.stats, got.err = r.Stats, err
			return got
		}
		if len(b.Lines) == 0 {
			t.Fatal("Next returned a block without lines")
		}
		for _, l := range b.Lines {
			got.lines = append(got.lines, string(b.Bytes[l.Start:l.End]))
			got.keys = append(got.keys, l.Key)
		}
		b.Free()
	}
}

// wrapped is the message that a line which is none becomes.
func wrapped(d time.Duration, text string) string {
	return string(Append(nil, Message{"figlet", "fn", "eu-west", noon.Add(d), text}))
}

func TestReader(t *testing.T) {
	a, b := at("pod-a", time.Second, "a\n"), at("pod-b", 2*time.Second, `<b> "é" \ 日本`)
	cut := at("pod-a", 3*time.Second, "cut")[:40]
	warning := string(Append(nil, Message{"figlet", "", "logmux", noon, "logmux: x failed: dial"}))
	tests := []struct {
		name      string
		in        string
		opts      Options
		want      []string
		malformed int64
		err       error
	}{
		{"nothing", "", Options{}, nil, 0, io.EOF},
		{"lines", a + b, Options{}, []string{a, b}, 0, io.EOF},
		{"CRLF", strings.ReplaceAll(a+b, "\n", "\r\n"), Options{}, []string{a, b}, 0, io.EOF},
		{"blank lines", "\n\r\n" + a + "\n  \n\n" + b + "\n", Options{}, []string{a, b}, 0, io.EOF},
		{"no last newline", a + strings.TrimSuffix(b, "\n"), Options{}, []string{a, b}, 0, io.EOF},
		{"no last newline but a CR", a + strings.TrimSuffix(b, "\n") + "\r", Options{}, []string{a, b}, 0, io.EOF},
		{"cut last line", a + cut, Options{}, []string{a, wrapped(time.Second, cut)}, 1, ErrCut},
		{"cut last line in a follow", a + cut, Options{Follow: true}, []string{a}, 0, io.EOF},
		{"unknown fields stay", `{"x":[1, 2],"TEXT":"t","timestamp":"2026-11-22T12:00:00Z"}` + "\n", Options{},
			[]string{`{"x":[1, 2],"TEXT":"t","timestamp":"2026-11-22T12:00:00Z"}` + "\n"}, 0, io.EOF},
		{"empty object", a + "{}\n", Options{}, []string{a, "{}\n"}, 0, io.EOF},
		{"null", a + "null\n", Options{}, []string{a, wrapped(time.Second, "null")}, 1, io.EOF},
		{"plain text before any key", "hello\n", Options{}, []string{wrapped(0, "hello")}, 1, io.EOF},
		{"empty timestamp", a + `{"timestamp":""}` + "\n", Options{}, []string{a, wrapped(time.Second, `{"timestamp":""}`)}, 1, io.EOF},
		{"a number for text", `{"TEXT":5}` + "\n", Options{}, []string{wrapped(0, `{"TEXT":5}`)}, 1, io.EOF},
		{"NUL bytes", "a\x00b\n", Options{}, []string{wrapped(0, "a\x00b")}, 1, io.EOF},
		{"invalid UTF-8 in a message stays", "{\"text\":\"\xff\"}\n", Options{}, []string{"{\"text\":\"\xff\"}\n"}, 0, io.EOF},
		{"invalid UTF-8 elsewhere", "\xff\n", Options{}, []string{wrapped(0, "\xff")}, 1, io.EOF},
		{"two values in a line", "{} {}\n", Options{}, []string{wrapped(0, "{} {}")}, 1, io.EOF},
		{"over the limit", a + strings.Repeat("x", 500) + "\n" + b, Options{MaxLineBytes: 200},
			[]string{a, wrapped(time.Second, strings.Repeat("x", 200)+" [logmux: the line is cut here, at 200 bytes]"), b}, 1, io.EOF},
		{"at the limit", strings.Repeat("x", 200) + "\r\n", Options{MaxLineBytes: 200}, []string{wrapped(0, strings.Repeat("x", 200))}, 1, io.EOF},
		{"since", a + b, Options{Filter: Filter{Since: noon.Add(2 * time.Second)}}, []string{b}, 0, io.EOF},
		{"instance", a + b, Options{Filter: Filter{Instance: "pod-b"}}, []string{b}, 0, io.EOF},
		{"an escaped instance", `{"instance":"pod\u002db"}` + "\n", Options{Filter: Filter{Instance: "pod-b"}}, []string{`{"instance":"pod\u002db"}` + "\n"}, 0, io.EOF},
		{"namespace", `{"namespace":"other"}` + "\n" + `{"namespace":"fn"}` + "\n" + a, Options{Filter: Filter{Namespace: "fn"}}, []string{`{"namespace":"fn"}` + "\n", a}, 0, io.EOF},
		{"wrapped lines pass every filter", "x\n", Options{Filter: Filter{Since: noon.Add(time.Hour), Instance: "i", Namespace: "n"}}, []string{wrapped(0, "x")}, 1, io.EOF},
		{"an inner warning is no line", a + warning + b, Options{Filter: Filter{Instance: "pod-b"}}, []string{b}, 0, io.EOF},
	}
	sources := map[string]func(string) io.Reader{
		"at once":      func(s string) io.Reader { return strings.NewReader(s) },
		"byte by byte": func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
		"data and EOF": func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
	}
	for _, test := range tests {
		for how, source := range sources {
			for _, fill := range []bool{false, true} {
				t.Run(test.name+"/"+how, func(t *testing.T) {
					test.opts.Fill = fill
					got := read(t, source(test.in), test.opts)
					if !slices.Equal(got.lines, test.want) {
						t.Errorf("got  %q\nwant %q", got.lines, test.want)
					}
					if got.stats.Malformed != test.malformed {
						t.Errorf("got %d malformed, want %d", got.stats.Malformed, test.malformed)
					}
					if got.err != test.err {
						t.Errorf("got error %v, want %v", got.err, test.err)
					}
					if got.stats.Bytes != int64(len(test.in)) {
						t.Errorf("got %d bytes, want %d", got.stats.Bytes, len(test.in))
					}
				})
			}
		}
	}
}

func TestReaderKeepsWhatCameBeforeAnError(t *testing.T) {
	reset := errors.New("connection reset")
	a := at("pod-a", time.Second, "a")
	got := read(t, io.MultiReader(strings.NewReader(a+`{"name":"fig`), iotest.ErrReader(reset)), Options{Fill: true})
	want := []string{a, wrapped(time.Second, `{"name":"fig`)}
	if !slices.Equal(got.lines, want) || got.err != reset {
		t.Errorf("got %q, %v\nwant %q, %v", got.lines, got.err, want, reset)
	}
}

func TestReaderHandsOutInnerWarnings(t *testing.T) {
	warning := string(Append(nil, Message{"figlet", "", "logmux", noon, "logmux: x failed: dial"}))
	notOne := string(Append(nil, Message{"figlet", "", "logmux", noon, "ready"}))
	got := read(t, strings.NewReader(warning+notOne), Options{})
	if !slices.Equal(got.warnings, []string{warning}) || !slices.Equal(got.lines, []string{notOne}) {
		t.Errorf("got warnings %q and lines %q", got.warnings, got.lines)
	}
}

func TestKeyOfALineWithoutTimestamp(t *testing.T) {
	in := strings.Join([]string{
		`{"instance":"a"}`, // nothing before it: now
		`{"instance":"a","timestamp":"2026-11-22T12:00:05Z"}`,
		`{"instance":"b","timestamp":"2026-11-22T13:00:07+01:00"}`,
		`{"instance":"a","timestamp":null}`,                   // the instance's last
		`{"instance":"c"}`,                                    // the upstream's last
		`{"instance":"b","timestamp":"0001-01-01T00:00:00Z"}`, // zero is missing
		`{"instance":"c","timestamp":"1000-01-01T00:00:00Z"}`, // beyond the range: its end
		`{"instance":"c","timestamp":"3000-01-01T00:00:00Z"}`,
		`plain`,
	}, "\n")
	s := func(n int) int64 { return Key(noon.Add(time.Duration(n) * time.Second)) }
	want := []int64{s(0), s(5), s(7), s(5), s(5), s(7), math.MinInt64, math.MaxInt64, math.MaxInt64}
	got := read(t, strings.NewReader(in), Options{})
	if !slices.Equal(got.keys, want) {
		t.Errorf("got %v\nwant %v", got.keys, want)
	}
}

func TestReaderCountsDisorder(t *testing.T) {
	got := read(t, strings.NewReader(at("a", 2, "")+at("a", 1, "")+at("b", 2, "")+at("a", 1, "")), Options{})
	if got.stats.Disorder != 2 {
		t.Errorf("got %d, want 2", got.stats.Disorder)
	}
}

func TestAGiantLineTakesBoundedMemory(t *testing.T) {
	giant := io.LimitReader(endless{}, 100<<20)
	in := io.MultiReader(giant, strings.NewReader("\n"+at("a", 0, "after")))
	got := read(t, in, Options{MaxLineBytes: 1 << 10})
	if len(got.lines) != 2 || got.lines[1] != at("a", 0, "after") || len(got.lines[0]) > 2<<10 {
		t.Errorf("got %d lines, want the cut one and the one after it ", len(got.lines))
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestScannerTakesWhatProvidersSend(t *testing.T) {
	for _, line := range []string{
		at("a", 0, ""), at("", 800_000_000, "x\n"), at("pod-7d9f", 123456789, "tab\t \u2028 <é>"),
		`{"name":"n","namespace":"x","instance":"i","timestamp":"2026-11-22T12:00:00.5+05:30","text":"t"}` + "\n",
	} {
		var s scanner
		var f fields
		line = strings.TrimSuffix(line, "\n")
		if !s.scan([]byte(line), &f) {
			t.Errorf("%s: not taken for canonical", line)
		}
	}
}

// FuzzScanner holds the scanner to encoding/json: what it takes decodes, to the
// same values.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(at("a", 1, "x\n")), []byte(at("b", time.Hour, `"\`)))
	f.Add([]byte(`{"name":"n","namespace":"","instance":"i","timestamp":"2026-02-30T12:00:00.5+05:30","text":"\u00e9"}`), []byte("{}"))
	f.Add([]byte(`{"name":"n","namespace":"","instance":"i","timestamp":"2024-02-29T23:59:59.123456789-23:59","text":"\ud800"}`), []byte("{}"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var s scanner
		for _, line := range [][]byte{first, second, first} {
			var f fields
			if !s.scan(line, &f) {
				continue
			}
			m, err := decode(line)
			if err != nil {
				t.Fatalf("%q is taken for canonical, but: %v", line, err)
			}
			var namespace, instance, text string
			if err := json.Unmarshal(slices.Concat([]byte(`"`), f.text, []byte(`"`)), &text); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(slices.Concat([]byte(`"`), f.instance, []byte(`"`)), &instance); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(slices.Concat([]byte(`"`), f.namespace, []byte(`"`)), &namespace); err != nil {
				t.Fatal(err)
			}
			if f.key != Key(m.Timestamp) || text != m.Text || instance != m.Instance || namespace != m.Namespace {
				t.Fatalf("%q: got %d %q %q %q, want %+v", line, f.key, namespace, instance, text, m)
			}
		}
	})
}

// FuzzReader holds the reader to its promise: every line sent decodes, and a
// line that did decode goes out byte for byte.
func FuzzReader(f *testing.F) {
	f.Add([]byte(at("a", 1, "x\n")+"\r\n\nnull\n{\"TEXT\":5}\n<html>"), uint16(300), uint8(1))
	f.Add([]byte("{}\r\n{\"timestamp\":\"\"}\n"), uint16(4), uint8(0))
	f.Fuzz(func(t *testing.T, in []byte, limit uint16, size uint8) {
		src := &pieces{in, int(size) + 1}
		opts := Options{MaxLineBytes: int(limit) + 1, BlockSize: 1, Fill: size%2 == 0}
		got := read(t, src, opts)
		var want []string // nil where any message will do
		for line := range bytes.SplitSeq(in, []byte("\n")) {
			line = bytes.TrimSuffix(line, []byte("\r"))
			if len(bytes.TrimLeft(line, " \t\r")) == 0 && len(line) <= opts.MaxLineBytes {
				continue
			}
			m, err := decode(line)
			switch {
			case len(line) > opts.MaxLineBytes || err != nil:
				want = append(want, "")
			case m.Instance == WarningInstance && strings.HasPrefix(m.Text, WarningPrefix):
			default:
				want = append(want, string(line)+"\n")
			}
		}
		if len(got.lines) != len(want) {
			t.Fatalf("%q: got %d lines, want %d: %q", in, len(got.lines), len(want), got.lines)
		}
		for i, line := range got.lines {
			if _, err := decode([]byte(line)); err != nil || strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
				t.Fatalf("sent %q: %v", line, err)
			}
			if want[i] != "" && want[i] != line {
				t.Fatalf("got %q, want %q", line, want[i])
			}
		}
	})
}

// pieces gives out at most size bytes a Read.
type pieces struct {
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[:min(p.size, len(p.left))])
	p.left = p.left[n:]
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	var in []byte
	random := rand.New(rand.NewPCG(1, 1))
	pieces := []string{"level=info ", "msg=\"order accepted\" ", "path=/api/v2/orders ", "customer=<none> ", "items:\t3 ", "took=12.417ms "}
	for i := range 10_000 {
		text := ""
		for range 15 {
			text += pieces[random.IntN(len(pieces))]
		}
		in = append(in, at("figlet-7d9f-aaaaa", time.Duration(i)*1234567, text+"\n")...)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(in), Options{})
		lines := 0
		for {
			block, err := r.Next()
			if err != nil {
				break
			}
			lines += len(block.Lines)
			block.Free()
		}
		if lines != 10_000 {
			b.Fatalf("read %d lines", lines)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/line")
}
