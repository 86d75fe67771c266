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
	// Nginx is the path of nginx.
	Nginx string
	// OpenSSL is the path of openssl.
	OpenSSL string
	// OATHTool is the path of oathtool, an authenticator app, and ZBarImg that of zbarimg,
	// which reads QR codes.
	OATHTool, ZBarImg string
	// Chromium is the path of Chromium, or of a browser that is made of it.
	Chromium string
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
	for _, p := range []struct {
		name, program string
		path          *string
	}{
		{"Redis (redis-server)", "redis-server", &t.RedisServer},
		{"nginx", "nginx", &t.Nginx},
		{"OpenSSL (openssl)", "openssl", &t.OpenSSL},
		{"OATH Toolkit (oathtool)", "oathtool", &t.OATHTool},
		{"ZBar (zbarimg)", "zbarimg", &t.ZBarImg},
	} {
		if *p.path = find(p.program); *p.path == "" {
			missing = append(missing, p.name)
		}
	}
	if t.Chromium = findChromium(); t.Chromium == "" {
		missing = append(missing, "Chromium")
	}
	if len(missing) > 0 {
		return t, fmt.Errorf("%w: %s; install with:\n    %s", ErrMissing, strings.Join(missing, ", "), installCommand())
	}
	return t, nil
}

// find returns the path of a program; empty when it is not installed. Servers lie where
// the PATH of users does not lead.
func find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	return ""
}

// findChromium returns the path of Chromium under any of its names.
func findChromium() string {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path := find(name); path != "" {
			return path
		}
	}
	return ""
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
		return "brew install postgresql@16 redis nginx openssl oath-toolkit zbar chromium"
	}
	for _, c := range []struct{ tool, command string }{
		{"apt-get", "sudo apt-get update && sudo apt-get install -y postgresql redis-server nginx-light openssl oathtool zbar-tools chromium"},
		{"dnf", "sudo dnf install -y postgresql-server redis nginx openssl oathtool zbar chromium"},
		{"apk", "sudo apk add postgresql redis nginx openssl oath-toolkit-oathtool zbar chromium"},
		{"pacman", "sudo pacman -S --needed postgresql redis nginx openssl oath-toolkit zbar chromium"},
	} {
		if _, err := exec.LookPath(c.tool); err == nil {
			return c.command
		}
	}
	return "the package manager of this system (packages postgresql, redis, nginx, openssl, oathtool, zbar and chromium)"
}
