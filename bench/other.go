//go:build !linux

// Command bench measures logmux as a process of its own.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: only on Linux: it reads other processes' CPU clocks and /proc")
	os.Exit(1)
}
