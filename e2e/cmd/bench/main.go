//go:build linux

// Command bench measures the built binary against limit programs that do the least the
// job can be done with, in one run on one machine, alternating, and prints every figure
// beside its goal. Absolute figures depend on the machine; the ratios are what counts.
//
// It starts its own PostgreSQL, Redis and servers, and talks to the loopback interface
// only. It reads /proc, so it runs on Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	var o options
	role := flag.String("role", "", "internal: be a limit program")
	addr := flag.String("addr", "", "internal: its address")
	redis := flag.String("redis", "", "internal: its Redis")
	flag.StringVar(&o.binary, "binary", "bin/authy2", "the built binary")
	only := flag.String("only", "", "rows to measure, comma separated: "+strings.Join(rowNames(), ", "))
	seconds := flag.Float64("seconds", 5, "length of one measurement; those of bcrypt take three times as long")
	flag.IntVar(&o.rounds, "rounds", 5, "alternating rounds of the session checks; those of bcrypt take three")
	flag.Parse()
	o.window = time.Duration(*seconds * float64(time.Second))
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *role != "" {
		err = limitProgram(ctx, *role, *addr, *redis)
	} else {
		err = bench(ctx, o)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	binary string
	only   []string
	window time.Duration
	rounds int
}

// row is one line, or a few, of the table.
type row struct {
	name    string
	measure func(b *stage, ctx context.Context) error
}

func rows() []row {
	return []row{
		{"start", (*stage).start},
		{"checks", (*stage).checks},
		{"embedded", (*stage).embedded},
		{"logins", (*stage).logins},
		{"registrations", (*stage).registrations},
		{"mixed", (*stage).mixed},
		{"storm", (*stage).storm},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

func bench(ctx context.Context, o options) error {
	for _, name := range o.only {
		if !slices.Contains(rowNames(), name) {
			return fmt.Errorf("there is no row %q, only %s", name, strings.Join(rowNames(), ", "))
		}
	}
	fmt.Printf("%d cores, %s, windows of %s\n", runtime.NumCPU(), runtime.Version(), o.window)
	b, err := newStage(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	for _, r := range rows() {
		if len(o.only) > 0 && !slices.Contains(o.only, r.name) {
			continue
		}
		fmt.Printf("\n== %s\n", r.name)
		if err := r.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w%s", r.name, err, b.server.autopsy())
		}
	}
	return nil
}
