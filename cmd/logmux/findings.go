package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/openfaas-logmux/logmux/internal/probe"
)

// printFindings prints a row for each upstream, and below it what is to be said
// of it. It returns errProbe where a required one cannot be used.
func printFindings(out io.Writer, findings []probe.Finding) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "UPSTREAM\tSTATE\tTLS\tTIME\tCLOCK\tSEEMS TO BE")
	var err error
	for _, f := range findings {
		state, took := "ok", f.ToHeader.Round(100*time.Microsecond).String()
		if f.Failure != nil {
			state, took = string(f.Failure.Reason), "-"
			if f.Required {
				err = errProbe
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Upstream, state, yesOrNo(f.TLS), took, clock(f.Skew), cmp.Or(f.Seems, "-"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range findings {
		if f.Failure != nil {
			consequence := "its lines will be missing"
			switch {
			case f.Required:
				consequence = "it is required, so requests will fail"
			case f.Copies:
				consequence = "others of its replica_group can make up for it"
			}
			fmt.Fprintf(out, "%s: %v; %s\n", f.Upstream, f.Failure.Err, consequence)
		}
		if f.Saw != "" {
			fmt.Fprintf(out, "%s: %s\n", f.Upstream, f.Saw)
		}
		for _, note := range f.Notes {
			fmt.Fprintf(out, "%s: %s\n", f.Upstream, note)
		}
	}
	return err
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// clock is how far an upstream's clock is from ours. Less than what can be seen
// of it is no difference.
func clock(skew *time.Duration) string {
	switch {
	case skew == nil:
		return "-"
	case skew.Abs() <= time.Second:
		return "same"
	}
	return fmt.Sprintf("%+v", skew.Round(time.Second))
}
