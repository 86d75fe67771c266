// Command authy2 is the authentication and authorization server: one binary that
// serves the API, migrates and seeds its database, runs jobs and looks after itself.
//
// It is the composition root: modules.go lists the modules, wire.go fills what each
// needs of the others, and no other package of the system knows two of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/authy2/backend/platform/heap"
)

// heapRoom is how much the heap may grow between two collections while it is small. It
// is memory that the process keeps in use under load, and saves a tenth of its time.
const heapRoom = 16 << 20

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" { // an operator's own settings stand
		heap.Room(heapRoom)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, newEnvironment())
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit status: 0 done, 1 failed, 2 the
// command line or the configuration is wrong.
func run(ctx context.Context, env *environment) int {
	root := newRootCommand(env) //nolint:contextcheck // the commands get ctx when the line is executed
	root.SetArgs(env.args)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(env.stderr, "authy2: %v\n", err)
	var wrong *usageError
	if errors.As(err, &wrong) {
		return 2
	}
	return 1
}

// usageError is a mistake of the caller: a flag, an argument or the configuration.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }
