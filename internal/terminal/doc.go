// Package terminal prints the lines of a log answer, for whoever sits before a
// terminal and for programs that read a pipe.
//
//	NDJSON lines ──> Printer ──> a warning? ──yes──> stderr            printer.go
//	                    │no
//	                    ├─ JSON   the bytes as they came
//	                    ├─ Raw    the text alone          ──> stdout
//	                    └─ Text   time, label, text                    text.go, label.go
//
// What a stream can show is in stream.go, which colour a name has in colour.go,
// and what a terminal must not be sent in escape.go.
//
// The package knows messages, colours and widths, and no HTTP. It starts no
// goroutine.
package terminal
