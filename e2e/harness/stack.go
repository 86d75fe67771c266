package harness

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/compose"
	"github.com/authy2/backend/e2e/service"
)

// Stack is what docker/compose.yaml describes, started without Docker: the same commands
// with the same environment, user and nginx configuration.
//
// A container is a process here, and the network between nginx and the servers is a part
// of the loopback network, in which every container has an address of its own. What
// differs is in three places and nowhere else: [Stack.mapped] for addresses in
// environments, nginxSubstitutions for addresses and paths of nginx, and PostgreSQL,
// Redis and nginx, which are those of this machine.
type Stack struct {
	File  *compose.File
	Image *compose.Image
	// Env is what .env says, the variables of docker/prepare.sh included.
	Env map[string]string
	// Said is what docker/prepare.sh said.
	Said string
	// System gives the database and Redis from outside. It has no servers.
	System *System
	// Mail is in mailpit's place.
	Mail *service.MailServer

	owner    testing.TB // with whose end everything is stopped, whichever part of it started it
	dir      string     // stands for the repository: .env, docker/, data/
	image    string     // stands for the file system of the image
	subnet   netip.Prefix
	ports    map[string]int // by service, instead of those in containers
	names    *service.Names
	replicas map[string][]*Container
	nginx    *service.Nginx
	address  netip.Addr // of nginx
	next     int
}

// NewStack prepares the stack as make up does, in a folder of its own, with settings added
// to .env. Nothing is started yet.
func NewStack(t testing.TB, settings map[string]string) *Stack {
	t.Helper()
	tools := Tools(t)
	s := &Stack{
		owner: t,
		ports: map[string]int{}, replicas: map[string][]*Container{},
		// 127.0.0.0/16 is left to everybody else.
		subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(199)), byte(rand.IntN(256)), 0}), 24),
	}
	s.layOut(t)
	prepare := exec.CommandContext(t.Context(), "sh", filepath.Join(s.dir, "docker", "prepare.sh"))
	prepare.Env = []string{"PATH=" + filepath.Dir(tools.OpenSSL) + ":/usr/bin:/bin"}
	out, err := prepare.CombinedOutput()
	if err != nil {
		t.Fatalf("prepare.sh: %v\n%s", err, out)
	}
	s.Said = string(out)
	// A volume begins at its own folder: in a container, what lies above does not count.
	if err := os.Chmod(filepath.Join(s.dir, "data"), 0o711); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"api", "nginx", "nginx-tls", "mailpit"} {
		if s.ports[name], err = service.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	s.load(t, settings)
	if s.names, err = service.NewNames(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.names.Close)
	return s
}

// layOut copies what prepare.sh and the containers need into folders that every user may
// read.
func (s *Stack) layOut(t testing.TB) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	top, err := os.MkdirTemp("", "authy2-stack-") //nolint:usetesting // other users may not enter those of testing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	s.dir, s.image = filepath.Join(top, "repository"), filepath.Join(top, "image")
	for _, dir := range []string{top, s.dir, s.image} {
		_ = os.Mkdir(dir, 0o755)
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"docker", "configs"} {
		if err := os.CopyFS(filepath.Join(s.dir, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile(Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.image, "authy2"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	// The file system of a container is read-only.
	if err := os.Chmod(s.image, 0o555); err != nil {
		t.Fatal(err)
	}
}

// load adds the settings to .env and reads the two files.
func (s *Stack) load(t testing.TB, settings map[string]string) {
	t.Helper()
	added := map[string]string{
		"EDGE_SUBNET": s.subnet.String(),
		"PUBLIC_URL":  "https://localhost:" + strconv.Itoa(s.ports["nginx-tls"]),
	}
	maps.Copy(added, settings)
	path := filepath.Join(s.dir, ".env")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf(".env with its secrets: %v, %v", info.Mode(), err)
	}
	var b strings.Builder
	b.Write(text)
	for name, value := range added {
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Env, err = compose.ParseEnv(b.String()); err != nil {
		t.Fatal(err)
	}
	if s.File, err = compose.Load(filepath.Join(s.dir, "docker", "compose.yaml"), s.Env); err != nil {
		t.Fatal(err)
	}
	if s.Image, err = compose.LoadImage(filepath.Join(s.dir, "docker", "Dockerfile")); err != nil {
		t.Fatal(err)
	}
}

// Up starts what docker compose up starts, in its order, with a mail server like any other
// for mailpit, and waits for what each service waits for.
func (s *Stack) Up(t testing.TB) {
	t.Helper()
	for _, name := range s.File.Active(strings.Split(s.Env["COMPOSE_PROFILES"], ",")...) {
		switch name {
		case "postgres", "redis":
			s.stores(t, name)
		case "nginx":
			s.startNginx(t)
		case "mailpit":
			s.startMailServer(t)
		case "migrate":
			if out, code := s.Run(t, name); code != 0 {
				t.Fatalf("migrate ends with %d:\n%s", code, out)
			}
		default:
			s.Add(t, name)
		}
	}
}

// stores starts one of the databases as the compose file has it.
func (s *Stack) stores(t testing.TB, name string) {
	t.Helper()
	if s.System == nil {
		s.System = &System{Kind: Single, secrets: &secrets{}}
		for _, key := range []string{"SECRET_KEY", "ENCRYPTION_KEY", "CA_ENCRYPTION_KEY", "POSTGRES_PASSWORD"} {
			s.System.Secret(s.Env[key])
		}
	}
	declared, err := s.File.Services[name], error(nil)
	if name == "redis" {
		if s.System.Redis, err = service.NewRedis(Tools(t), declared.Command[1:]...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.System.Redis.Close)
		return
	}
	if s.System.Postgres, err = service.NewPostgres(Tools(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.System.Postgres.Close)
	env := declared.Environment
	s.System.Database = env["POSTGRES_DB"]
	for _, statement := range []string{
		fmt.Sprintf(`CREATE ROLE %q LOGIN PASSWORD '%s'`, env["POSTGRES_USER"], env["POSTGRES_PASSWORD"]),
		fmt.Sprintf(`CREATE DATABASE %q OWNER %q`, env["POSTGRES_DB"], env["POSTGRES_USER"]),
	} {
		if err := s.System.Postgres.Exec(t.Context(), "postgres", statement); err != nil {
			t.Fatal(err)
		}
	}
}

// startMailServer starts a mail server with the certificate that prepare.sh made for
// mailpit.
func (s *Stack) startMailServer(t testing.TB) {
	t.Helper()
	dir := filepath.Join(s.dir, "data", "mailpit")
	var err error
	s.Mail, err = service.NewMailServer("127.0.0.1:"+strconv.Itoa(s.ports["mailpit"]), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Mail.Close)
}

// newAddress is the next free address in the network of nginx and the servers.
func (s *Stack) newAddress() netip.Addr {
	s.next++
	a := s.subnet.Addr()
	for range s.next + 1 {
		a = a.Next()
	}
	return a
}

// Certificate is the TLS configuration of a client that trusts the certificate which
// prepare.sh made.
func (s *Stack) Certificate(t testing.TB) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(s.dir, "data", "tls", "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("tls.crt holds no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}
