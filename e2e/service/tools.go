package service

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrMissing says that a program of a service is not installed, and how to install it.
var ErrMissing = errors.New("not installed")

// Tools are the programs of the services.
type Tools struct {
	// PostgresBin is the folder that holds initdb and postgres.
	PostgresBin string
	// RedisServer is the path of redis-server.
	RedisServer string
}

// FindTools looks for the programs on PATH and where distributions hide them. Its error
// names everything that is missing at once, with the command that installs it.
func FindTools() (Tools, error) {
	var (
		t       Tools
		missing []string
	)
	if t.PostgresBin = findPostgres(); t.PostgresBin == "" {
		missing = append(missing, "PostgreSQL (initdb, postgres)")
	}
	if path, err := exec.LookPath("redis-server"); err == nil {
		t.RedisServer = path
	} else {
		missing = append(missing, "Redis (redis-server)")
	}
	if len(missing) > 0 {
		return t, fmt.Errorf("%s %w; install with:\n    %s",
			strings.Join(missing, " and "), ErrMissing, installCommand())
	}
	return t, nil
}

func findPostgres() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		if complete(filepath.Dir(path)) {
			return filepath.Dir(path)
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		dirs = slices.DeleteFunc(dirs, func(d string) bool { return !complete(d) })
		slices.SortFunc(dirs, func(a, b string) int { return version(a) - version(b) })
		if len(dirs) > 0 {
			return dirs[len(dirs)-1]
		}
	}
	return ""
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// version reads the first run of digits of the folder that holds bin.
func version(bin string) int {
	digits := strings.FieldsFunc(filepath.Base(filepath.Dir(bin)), func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return n
}

func installCommand() string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@16 redis"
	}
	for _, c := range []struct{ tool, command string }{
		{"apt-get", "sudo apt-get update && sudo apt-get install -y postgresql redis-server"},
		{"dnf", "sudo dnf install -y postgresql-server redis"},
		{"apk", "sudo apk add postgresql redis"},
		{"pacman", "sudo pacman -S --needed postgresql redis"},
	} {
		if _, err := exec.LookPath(c.tool); err == nil {
			return c.command
		}
	}
	return "the package manager of this system (packages postgresql and redis)"
}
