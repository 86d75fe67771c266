// Command test runs every test of the workspace: the suites of all modules on SQLite and
// on a private PostgreSQL that it starts (each test binary starts its own Redis), with
// the race detector where cgo works, and then the journeys against the built binary.
//
// Its last line says how many tests passed and failed. It fails when one failed, and also
// when none ran.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/authy2/backend/e2e/service"
)

const self = "github.com/authy2/backend/e2e"

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/authy2", "the built binary")
	flag.StringVar(&o.only, "only", "", "run only the packages under this folder of the workspace")
	flag.StringVar(&o.run, "run", "", "run only tests that match, as go test -run")
	flag.BoolVar(&o.verbose, "v", false, "show every test")
	flag.BoolVar(&o.race, "race", cgoWorks(), "use the race detector")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	binary, only, run string
	verbose, race     bool
}

func run(ctx context.Context, o options) (bool, error) {
	begin := time.Now()
	tools, err := service.FindTools()
	if err != nil {
		return false, err
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return false, fmt.Errorf("path of the binary: %w", err)
	}
	if _, err := os.Stat(binary); err != nil {
		return false, fmt.Errorf("the binary is not built, run make build: %w", err)
	}
	modules, err := workspace(ctx)
	if err != nil {
		return false, err
	}
	pg, err := service.NewPostgres(tools, "max_connections=300")
	if err != nil {
		return false, err
	}
	defer pg.Close()
	env := append(os.Environ(),
		"TEST_POSTGRES_URL="+pg.URL("postgres"),
		"TEST_REDIS_SERVER="+tools.RedisServer,
		"AUTHY2_BINARY="+binary,
	)

	tally := newTally(modules, o.verbose)
	var suites, journeys []string
	for _, m := range modules {
		switch {
		case !m.under(o.only):
		case m.Path == self:
			journeys = append(journeys, pattern(m))
		default:
			suites = append(suites, pattern(m))
		}
	}
	if len(suites) > 0 {
		args := []string{"-timeout=20m"}
		if o.race {
			args = append(args, "-race")
		}
		if err := goTest(ctx, env, tally, append(append(args, o.flags()...), suites...)); err != nil {
			return false, err
		}
	}
	// The journeys measure time: nothing else runs beside them. They are black-box, so
	// that the race detector would watch the client only.
	if len(journeys) > 0 {
		args := append([]string{"-timeout=25m", "-count=1", "-p=1", "-parallel=8"}, o.flags()...)
		if err := goTest(ctx, env, tally, append(args, journeys...)); err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("interrupted: %w", err)
	}
	return tally.summary(os.Stdout, time.Since(begin)), nil
}

func (o options) flags() []string {
	if o.run == "" {
		return nil
	}
	return []string{"-run=" + o.run}
}

// goTest runs go test and feeds what it says to the tally. That tests failed is no error
// of goTest: the tally knows.
func goTest(ctx context.Context, env []string, t *tally, args []string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if err := t.read(out); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil && t.clean() && ctx.Err() == nil {
		return fmt.Errorf("go test failed without a failing test: %w", err)
	}
	return nil
}

// module is a Go module of the workspace.
type module struct{ Path, Dir, Rel string }

// under reports whether the module lies in the folder; every module lies in "".
func (m module) under(folder string) bool {
	folder = strings.Trim(folder, "/")
	return folder == "" || m.Rel == folder || strings.HasPrefix(m.Rel, folder+"/")
}

func pattern(m module) string { return m.Dir + string(filepath.Separator) + "..." }

func workspace(ctx context.Context) ([]module, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of the workspace: %w", err)
	}
	root, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("working folder: %w", err)
	}
	var modules []module
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", path, err)
		}
		modules = append(modules, module{Path: path, Dir: dir, Rel: filepath.ToSlash(rel)})
	}
	return modules, nil
}

// cgoWorks reports whether a C compiler is there, which the race detector needs.
func cgoWorks() bool {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return false
	}
	enabled, cc, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if enabled != "1" || strings.TrimSpace(cc) == "" {
		return false
	}
	_, err = exec.LookPath(strings.Fields(cc)[0])
	return err == nil
}
