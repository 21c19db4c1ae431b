package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfaas-logmux/logmux/proxy"
)

// An expected is a line of an answer: as it came, or wrapped.
type expected struct {
	same    string // the line without its newline
	wrapped string // the text of the message it became
	marked  bool   // the text goes on after wrapped
	after   int    // the line that a wrapped one has the timestamp of, -1 for now
}

func same(line string) expected               { return expected{same: strings.TrimSuffix(line, "\n")} }
func wrapped(text string, after int) expected { return expected{wrapped: text, after: after} }
func cut(text string, after int) expected {
	return expected{wrapped: text, marked: true, after: after}
}

func TestLines(t *testing.T) {
	one, two := logLine("pod-a", second(1), "one"), logLine("pod-a", second(2), "two")
	future := logLine("pod-a", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), "not before now")
	long := logLine("pod-a", second(3), strings.Repeat("long ", 100))
	const limit = 400
	fits := logLine("pod-a", second(3), strings.Repeat("x", limit-len(logLine("pod-a", second(3), ""))+1))
	over := strings.Replace(fits, "xx", "xxx", 1)
	field := func(field string) string {
		return fmt.Sprintf(`{"name":"fn","instance":"pod-a",%s}`, field)
	}
	for _, test := range []struct {
		name, body string
		want       []expected
	}{
		{"unknown fields", field(`"timestamp":"2020-02-03T04:05:06Z","level":"info","x":{"y":[1,null]}`) + "\n",
			[]expected{same(field(`"timestamp":"2020-02-03T04:05:06Z","level":"info","x":{"y":[1,null]}`))}},
		{"spaces and order of the fields", `  { "text" : "a" , "timestamp" : "2020-02-03T04:05:06+00:00" }  ` + "\n",
			[]expected{same(`  { "text" : "a" , "timestamp" : "2020-02-03T04:05:06+00:00" }  `)}},
		{"fields in any case", `{"TEXT":"a","TimeStamp":"2020-02-03T04:05:06Z"}` + "\n", []expected{same(`{"TEXT":"a","TimeStamp":"2020-02-03T04:05:06Z"}`)}},
		{"raw HTML, not escaped", field(`"text":"<a href=\"x\">&é 日本 </a>"`) + "\n", []expected{same(field(`"text":"<a href=\"x\">&é 日本 </a>"`))}},
		{"CRLF", strings.ReplaceAll(one+two, "\n", "\r\n"), []expected{same(one), same(two)}},
		{"blank lines", "\n\n" + one + "\n \n\t\r\n" + two + "\n\r\n", []expected{same(one), same(two)}},
		{"no last newline", one + strings.TrimSuffix(two, "\n"), []expected{same(one), same(two)}},
		{"CR in place of the last newline", one + strings.TrimSuffix(two, "\n") + "\r", []expected{same(one), same(two)}},
		{"empty object", one + "{}\n" + two, []expected{same(one), same("{}"), same(two)}},
		{"null fields", one + `{"name":null,"namespace":null,"instance":null,"timestamp":null,"text":null}` + "\n",
			[]expected{same(one), same(`{"name":null,"namespace":null,"instance":null,"timestamp":null,"text":null}`)}},
		{"no timestamp", one + field(`"text":"a"`) + "\n" + two, []expected{same(one), same(field(`"text":"a"`)), same(two)}},
		{"zero timestamp", one + field(`"timestamp":"0001-01-01T00:00:00Z"`) + "\n" + two,
			[]expected{same(one), same(field(`"timestamp":"0001-01-01T00:00:00Z"`)), same(two)}},
		{"invalid UTF-8 in the text", one + field("\"text\":\"a\xff\xfeb\"") + "\n", []expected{same(one), same(field("\"text\":\"a\xff\xfeb\""))}},
		{"lone surrogate", one + field(`"text":"\ud800"`) + "\n", []expected{same(one), same(field(`"text":"\ud800"`))}},

		{"null", one + "null\n" + two, []expected{same(one), wrapped("null", 0), same(two)}},
		{"true", one + "true\n" + two, []expected{same(one), wrapped("true", 0), same(two)}},
		{"number", one + "5\n" + two, []expected{same(one), wrapped("5", 0), same(two)}},
		{"string", one + `"text"` + "\n" + two, []expected{same(one), wrapped(`"text"`, 0), same(two)}},
		{"array", one + "[" + strings.TrimSuffix(two, "\n") + "]\n", []expected{same(one), wrapped("["+strings.TrimSuffix(two, "\n")+"]", 0)}},
		{"plain text", one + "panic: oops\n" + two, []expected{same(one), wrapped("panic: oops", 0), same(two)}},
		{"plain text first", "starting\n" + future, []expected{wrapped("starting", -1), same(future)}},
		{"empty timestamp", one + field(`"timestamp":""`) + "\n" + two, []expected{same(one), wrapped(field(`"timestamp":""`), 0), same(two)}},
		{"timestamp without a zone", one + field(`"timestamp":"2020-02-03T04:05:06"`) + "\n", []expected{same(one), wrapped(field(`"timestamp":"2020-02-03T04:05:06"`), 0)}},
		{"timestamp with a space", one + field(`"timestamp":"2020-02-03 04:05:06Z"`) + "\n", []expected{same(one), wrapped(field(`"timestamp":"2020-02-03 04:05:06Z"`), 0)}},
		{"timestamp in seconds", one + field(`"timestamp":1580702706`) + "\n", []expected{same(one), wrapped(field(`"timestamp":1580702706`), 0)}},
		{"number for a text", one + `{"TEXT":5}` + "\n" + two, []expected{same(one), wrapped(`{"TEXT":5}`, 0), same(two)}},
		{"object for a name", one + `{"nAmE":{}}` + "\n" + two, []expected{same(one), wrapped(`{"nAmE":{}}`, 0), same(two)}},
		{"array for a namespace", one + `{"namespace":[]}` + "\n" + two, []expected{same(one), wrapped(`{"namespace":[]}`, 0), same(two)}},
		{"bool for an instance", one + `{"instance":true}` + "\n" + two, []expected{same(one), wrapped(`{"instance":true}`, 0), same(two)}},
		{"the second of two texts is bad", one + `{"text":"a","text":5}` + "\n" + two, []expected{same(one), wrapped(`{"text":"a","text":5}`, 0), same(two)}},
		{"two values", one + "{}{}\n" + two, []expected{same(one), wrapped("{}{}", 0), same(two)}},
		{"comma behind", one + "{},\n" + two, []expected{same(one), wrapped("{},", 0), same(two)}},
		{"NUL", one + field("\"text\":\"a\x00b\"") + "\n" + two, []expected{same(one), wrapped(field("\"text\":\"a\x00b\""), 0), same(two)}},
		{"NUL alone", one + "\x00\n" + two, []expected{same(one), wrapped("\x00", 0), same(two)}},
		{"tab in a text", one + field("\"text\":\"a\tb\"") + "\n" + two, []expected{same(one), wrapped(field("\"text\":\"a\tb\""), 0), same(two)}},
		{"carriage return in a text", one + field("\"text\":\"a\rb\"") + "\n" + two, []expected{same(one), wrapped(field("\"text\":\"a\rb\""), 0), same(two)}},
		{"bad escape", one + field(`"text":"\x"`) + "\n" + two, []expected{same(one), wrapped(field(`"text":"\x"`), 0), same(two)}},
		{"byte order mark", "\ufeff" + one + future, []expected{wrapped("\ufeff"+strings.TrimSuffix(one, "\n"), -1), same(future)}},
		{"invalid UTF-8 in plain text", one + "caf\xe9\n" + two, []expected{same(one), wrapped("caf\ufffd", 0), same(two)}},
		{"depth", one + strings.Repeat("[", 20) + "\n" + two, []expected{same(one), wrapped(strings.Repeat("[", 20), 0), same(two)}},
		{"several in a row", one + "a\nb\nc\n" + two + "d\n", []expected{same(one), wrapped("a", 0), wrapped("b", 0), wrapped("c", 0), same(two), wrapped("d", 4)}},

		{"as long as it may be", one + fits, []expected{same(one), same(fits)}},
		{"as long as it may be, CRLF", one + strings.TrimSuffix(fits, "\n") + "\r\n", []expected{same(one), same(fits)}},
		{"one byte longer", one + over + two, []expected{same(one), cut(over[:limit], 0), same(two)}},
		{"much longer", one + long + two, []expected{same(one), cut(long[:limit], 0), same(two)}},
		{"the last one is longer", one + strings.TrimSuffix(long, "\n"), []expected{same(one), cut(long[:limit], 0)}},
		{"only a longer one", long, []expected{cut(long[:limit], -1)}},
		{"cut within a character", one + strings.Repeat("x", limit-1) + "é\n" + two, []expected{same(one), cut(strings.Repeat("x", limit-1)+"\ufffd", 0), same(two)}},
		{"longer, of quotes and NULs", one + strings.Repeat("\"\x00", limit) + "\n" + two, []expected{same(one), cut(strings.Repeat("\"\x00", limit/2), 0), same(two)}},
		{"two longer ones", one + long + long + two, []expected{same(one), cut(long[:limit], 0), cut(long[:limit], 0), same(two)}},
	} {
		for _, size := range []int{len(test.body), 1, 7} {
			for _, way := range []struct {
				name    string
				options []option
			}{{"sorted", nil}, {"streamed", []option{ordered}}} {
				t.Run(fmt.Sprintf("%s/%s in pieces of %d", test.name, way.name, size), func(t *testing.T) {
					t.Parallel()
					u := serve(t, "odd", answersInPieces(test.body, size), way.options...)
					u.MaxLineBytes = limit
					got := newProxy(t, u).ask(t, "name=fn&namespace=ns")
					checkLines(t, &got, test.want)
				})
			}
		}
	}
}

// answersInPieces sends a body in HTTP chunks of a size.
func answersInPieces(body string, size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for i := 0; i < len(body); i += size {
			io.WriteString(w, body[i:min(i+size, len(body))])
			http.NewResponseController(w).Flush()
		}
	}
}

func checkLines(t *testing.T, got *answer, want []expected) {
	t.Helper()
	if got.status != 200 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	lines := splitLines(got.logs)
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d: %q", len(lines), len(want), lines)
	}
	messages := decodeAll(t, got.logs)
	for i, w := range want {
		if w.same != "" {
			if lines[i] != w.same+"\n" {
				t.Errorf("line %d is\n%q, want\n%q", i, lines[i], w.same)
			}
			continue
		}
		m := messages[i]
		if m.Name != "fn" || m.Namespace != "ns" || m.Instance != "odd" {
			t.Errorf("line %d, wrapped, is of %q, %q, %q; want the request's name and namespace, and the upstream", i, m.Name, m.Namespace, m.Instance)
		}
		if w.marked && (!strings.HasPrefix(m.Text, w.wrapped) || len(m.Text) == len(w.wrapped)) || !w.marked && m.Text != w.wrapped {
			t.Errorf("line %d has the text\n%q, want\n%q (marked: %v)", i, m.Text, w.wrapped, w.marked)
		}
		if w.after >= 0 && !m.Timestamp.Equal(messages[w.after].Timestamp) {
			t.Errorf("line %d is of %v, want %v", i, m.Timestamp, messages[w.after].Timestamp)
		}
		if age := time.Since(m.Timestamp); w.after < 0 && (age < 0 || age > time.Minute) {
			t.Errorf("line %d is of %v ago, want now", i, age)
		}
	}
}

func TestGiantLine(t *testing.T) {
	t.Parallel()
	one, two := logLine("pod-a", second(1), "one"), logLine("pod-a", second(2), "two")
	const size = 100 << 20
	giant := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, one+`{"text":"`)
		piece := []byte(strings.Repeat("x", 1<<20))
		for range size / len(piece) {
			w.Write(piece)
		}
		io.WriteString(w, "\"}\n"+two)
	})
	got := newProxy(t, serve(t, "odd", giant)).ask(t, "name=fn&namespace=ns")
	const limit = 1 << 20 // the default
	start := `{"text":"`
	checkLines(t, &got, []expected{same(one), cut(start+strings.Repeat("x", limit-len(start)), 0), same(two)})
	if got.failed() != "" || len(got.body) > 2*limit {
		t.Errorf("failed %q, %d bytes", got.failed(), len(got.body))
	}
}

// Lines of a megabyte are whole, many of them too.
func TestLongLines(t *testing.T) {
	t.Parallel()
	var bodies []string
	for u := range 2 {
		var body string
		for i := range 2 {
			body += logLine("pod-a", second(float64(10*u+i)), strings.Repeat(string(rune('a'+i)), 1<<20-200-i*900_000))
		}
		bodies = append(bodies, body)
	}
	for _, way := range []option{func(*proxy.Upstream) {}, ordered} {
		got := newProxy(t,
			serve(t, "a", answers(bodies[1]), way), serve(t, "b", answers(bodies[0]), way),
		).ask(t, "name=fn")
		got.holds(t, strings.Join(bodies, ""))
	}
}

// Whatever the bytes: what is sent decodes, and nothing is missing.
func TestAnyBytes(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"\n", "\n", "\r\n", "\r", " ", "\t", "{", "}", "[", "]", `"`, ":", ",", "\x00", "\xff", "é", "null", "{}", "5", `{"text":5}`, `\u00`,
		`{"name":"`, `","namespace":"`, `","instance":"`, `","timestamp":"`, `2020-02-03T04:05:06.7Z`, `","text":"`, `"}`, `"}` + "\n",
		logLine("pod-a", second(1), "one"), logLine("pod-b", second(2), "<two>"), strings.Repeat("x", 99),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		var body string
		for range 1 + rng.IntN(60) {
			body += pieces[rng.IntN(len(pieces))]
		}
		var way []option
		if i%2 == 1 {
			way = []option{ordered}
		}
		got := newProxy(t, serve(t, "odd", answersInPieces(body, 1+rng.IntN(len(body))), way...)).ask(t, "name=fn")
		want := theirLines(body)
		if got.status != 200 {
			t.Fatalf("%q: status %d", body, got.status)
		}
		var lines []string
		for j, m := range decodeAll(t, got.logs) {
			line := strings.TrimSuffix(splitLines(got.logs)[j], "\n")
			if m.Instance == "odd" {
				line = "wrapped: " + m.Text
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		slices.Sort(want)
		if !slices.Equal(lines, want) {
			t.Fatalf("%q\nbecomes %q\nwant    %q", body, lines, want)
		}
	}
}

// theirLines is what is to come of each line of a body, in any order.
func theirLines(body string) []string {
	var all []string
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.Trim(line, " \t\r") == "" {
			continue
		}
		var m message
		if json.Unmarshal([]byte(line), &m) != nil || strings.TrimLeft(line, " \t\r")[0] != '{' {
			encoded, _ := json.Marshal(line)
			json.Unmarshal(encoded, &line) // replaces what is no UTF-8
			line = "wrapped: " + line
		}
		all = append(all, line)
	}
	return all
}

// A line without a timestamp stands behind the one before of its instance, else of the upstream.
func TestLinesWithoutTimestamp(t *testing.T) {
	bare := func(instance, text string) string {
		return fmt.Sprintf(`{"instance":%q,"text":%q}`, instance, text) + "\n"
	}
	a1, a2, b5 := logLine("a", second(1), "a1"), logLine("a", second(2), "a2"), logLine("b", second(5), "b5")
	other := logLine("z", second(3), "z3")
	behindA, behindB, new := bare("a", "behind a1"), bare("b", "behind b5"), bare("c", "behind the last line")
	got := newProxy(t,
		serve(t, "first", answers(b5, a1, behindA, behindB, new, a2)),
		serve(t, "second", answers(other)),
	).ask(t, "name=fn")
	// new is the first of its instance; the upstream's last key was that of behindB, which is b5's.
	got.holds(t, a1+behindA+a2+other+b5+behindB+new)

	got = newProxy(t, serve(t, "first", answers(b5, a1, behindA, behindB, new, a2))).ask(t, "name=fn&since="+second(3).Format(time.RFC3339))
	got.holds(t, b5+behindB+new)
}

// Instants beyond int64 nanoseconds are of the end of that range; their bytes stay.
func TestFarInstants(t *testing.T) {
	year := func(timestamp string) string { return fmt.Sprintf(`{"timestamp":%q}`, timestamp) + "\n" }
	lines := []string{
		year("0000-01-01T00:00:00Z"), year("0001-01-01T00:00:01Z"), year("1677-09-21T00:12:43Z"),
		year("1677-09-21T00:12:44Z"), year("1969-12-31T23:59:59.999999999Z"), year("1970-01-01T00:00:00Z"),
		year("2262-04-11T23:47:16Z"), year("2262-04-11T23:47:17Z"), year("9999-12-31T23:59:59Z"),
	}
	want := strings.Join(lines, "")
	reversedHalves := append(slices.Clone(lines[6:]), lines[:6]...)
	got := newProxy(t, serve(t, "a", answers(reversedHalves...))).ask(t, "name=fn")
	got.holds(t, want)
}
