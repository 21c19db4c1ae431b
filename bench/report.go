//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// A Goal is a line of PERFORMANCE.md's table. One with no bounds is none: the
// value is told for its own sake.
type Goal struct {
	Must, Aim float64
	Unit      string
	AtLeast   bool // the value is to be no less than these; otherwise no more
}

func (g Goal) none() bool { return g.Must == 0 && g.Aim == 0 }

func (g Goal) verdict(value float64) string {
	if g.none() {
		return "-"
	}
	met := func(bound float64) bool {
		if g.AtLeast {
			return value >= bound
		}
		return value <= bound
	}
	switch {
	case met(g.Aim):
		return "met aim"
	case met(g.Must):
		return "met must"
	}
	return "MISSED"
}

func (g Goal) bound(value float64) string {
	if g.none() {
		return "-"
	}
	sign := "<="
	if g.AtLeast {
		sign = ">="
	}
	return fmt.Sprintf("%s %g%s", sign, value, g.Unit)
}

// A Row is one measured value beside its goal.
type Row struct {
	Scenario string  `json:"scenario"`
	Measure  string  `json:"measure"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	AtLeast  bool    `json:"at_least"`
	Must     float64 `json:"must"`
	Aim      float64 `json:"aim"`
	Verdict  string  `json:"verdict"`
	Absolute string  `json:"absolute"` // the numbers behind it

	goal Goal
}

func newRow(measure string, value float64, goal Goal, absolute string, args ...any) Row {
	return Row{
		Measure: measure, Value: value, Unit: goal.Unit, AtLeast: goal.AtLeast,
		Must: goal.Must, Aim: goal.Aim, Verdict: goal.verdict(value),
		Absolute: fmt.Sprintf(absolute, args...), goal: goal,
	}
}

// A Report is all that a run prints.
type Report struct {
	Go       string   `json:"go"`
	CPUs     int      `json:"cpus"`
	Rounds   int      `json:"rounds"`
	Scale    float64  `json:"scale"`
	Proxy    string   `json:"proxy"`
	Rows     []Row    `json:"rows"`
	Failures []string `json:"failures"`
	Notes    []string `json:"notes"`
}

func newReport(o Options) Report {
	r := Report{
		Go: runtime.Version(), CPUs: runtime.NumCPU(), Rounds: o.Rounds, Scale: o.Scale, Proxy: o.Proxy,
		Rows: []Row{}, Failures: []string{},
		Notes: []string{
			"x: a ratio, the median over the rounds of one round's two values; MB and KB are 10^6 and 10^3 bytes",
			"allocations per line: go test -bench . ./proxy",
		},
	}
	if o.Rounds < 5 {
		r.Notes = append(r.Notes, "fewer than 5 rounds: the medians mean little")
	}
	if o.Scale != 1 {
		r.Notes = append(r.Notes, "not at scale 1: the goals are for the whole data, and fixed costs weigh more in less")
	}
	if o.Proxy != "logmux" {
		r.Notes = append(r.Notes, "NOT LOGMUX: the "+o.Proxy+" proxy stands in its place, with fewer checks, to try the harness")
	}
	return r
}

func (r Report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tMEASURE\tVALUE\tMUST\tAIM\tVERDICT\tABSOLUTE")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%.3g%s\t%s\t%s\t%s\t%s\n", row.Scenario, row.Measure, row.Value, row.Unit,
			row.goal.bound(row.Must), row.goal.bound(row.Aim), row.Verdict, row.Absolute)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s, %d CPUs, %d rounds, scale %g\n", r.Go, r.CPUs, r.Rounds, r.Scale)
	for _, note := range r.Notes {
		fmt.Fprintln(w, "note:", note)
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(w, "\n*** FAILED: %s\n", failure)
	}
	return nil
}
