//go:build !linux

// Command bench measures the built binary on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench reads /proc and runs on Linux only")
	os.Exit(1)
}
