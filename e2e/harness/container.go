package harness

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/compose"
	"github.com/authy2/backend/e2e/service"
)

// Container is one process of the stack that runs the image.
type Container struct {
	// Service is the service that it belongs to.
	Service string
	// Log is everything it wrote.
	Log *Log

	stack   *Stack
	address netip.Addr
	proc    *service.Process
}

// identity is the user that a container's process runs as: that of the compose file where
// this process may choose, and otherwise its own, which is not root either.
func identity(t testing.TB, user string) *syscall.Credential {
	t.Helper()
	uid, gid, _ := strings.Cut(user, ":")
	u, errUID := strconv.ParseUint(uid, 10, 32)
	g, errGID := strconv.ParseUint(gid, 10, 32)
	if errUID != nil || errGID != nil || u == 0 {
		t.Fatalf("the user %q is not uid:gid of somebody who is not root", user)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: uint32(u), Gid: uint32(g), Groups: []uint32{}}
}

// environment is what Docker gives a process of the service: the image's, that of
// env_file, and that of the service, the later ones winning.
func (s *Stack) environment(declared *compose.Service) map[string]string {
	env := maps.Clone(s.Image.Env)
	if slices.Contains(declared.EnvFile, "../.env") {
		maps.Copy(env, s.Env)
	}
	maps.Copy(env, declared.Environment)
	return env
}

// mapped puts addresses of this machine in the place of those that only containers have.
// A value that is not what is expected here fails the test.
func (s *Stack) mapped(t testing.TB, env map[string]string, address netip.Addr) map[string]string {
	t.Helper()
	host, port, err := net.SplitHostPort(s.System.Postgres.Addr())
	if err != nil {
		t.Fatal(err)
	}
	redis := "redis://127.0.0.1:1/0" // not started yet
	if s.System.Redis != nil {
		redis = s.System.Redis.URL()
	}
	for name, change := range map[string][2]string{
		"POSTGRES_HOST": {"postgres", host},
		"POSTGRES_PORT": {"5432", port},
		"REDIS_URL":     {"redis://redis:6379/0", redis},
		"HTTP_ADDR":     {":5000", net.JoinHostPort(address.String(), strconv.Itoa(s.ports["api"]))},
		"SMTP_HOST":     {"mailpit", "localhost"},
		"SMTP_PORT":     {"", strconv.Itoa(s.ports["mailpit"])},
	} {
		if env[name] != change[0] {
			t.Fatalf("%s is %q in the container, want %q", name, env[name], change[0])
		}
		env[name] = change[1]
	}
	env["PATH"] = s.image                                       // /usr/local/bin
	env["SSL_CERT_DIR"] = filepath.Join(s.dir, "data", "trust") // mounted at /etc/pki/tls/certs
	return env
}

// prepareContainer makes a command of the image in the service.
func (s *Stack) prepareContainer(t testing.TB, name string, log *Log, address netip.Addr, args ...string) *exec.Cmd {
	t.Helper()
	declared := s.File.Services[name]
	if len(args) == 0 {
		args = slices.Concat(s.Image.Entrypoint, declared.Command)
		if len(declared.Command) == 0 {
			args = slices.Concat(s.Image.Entrypoint, s.Image.Command)
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(s.image, args[0]), args[1:]...)
	cmd.Dir = s.image
	for key, value := range s.mapped(t, s.environment(declared), address) {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: identity(t, declared.User)}
	return cmd
}

// Run runs a service to its end.
func (s *Stack) Run(t testing.TB, name string) (out string, code int) {
	t.Helper()
	c := s.start(t, name)
	select {
	case <-c.proc.Done():
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s does not end:\n%s", name, c.Log.Tail(20))
	}
	return c.Log.String(), c.proc.ExitCode()
}

func (s *Stack) start(t testing.TB, name string) *Container {
	t.Helper()
	c := &Container{Service: name, Log: &Log{}, stack: s, address: s.newAddress()}
	cmd := s.prepareContainer(t, name, c.Log, c.address)
	proc, err := service.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	c.proc = proc
	s.owner.Cleanup(func() {
		c.Stop()
		s.System.inspect(s.owner, name+" "+c.address.String(), c.Log)
	})
	return c
}

// Add starts one more container of a service and, where the image's health check is not
// switched off, waits until it is healthy.
func (s *Stack) Add(t testing.TB, name string) *Container {
	t.Helper()
	c := s.start(t, name)
	s.replicas[name] = append(s.replicas[name], c)
	if !s.File.Services[name].Healthcheck.Disable {
		Eventually(t, 60*time.Second, name+" is healthy", func() bool {
			if c.Exited() {
				t.Fatalf("%s ended with %d:\n%s", name, c.proc.ExitCode(), c.Log.Tail(20))
			}
			return c.healthy(t)
		})
	}
	s.publish(name)
	return c
}

// healthy asks with the image's health check.
func (c *Container) healthy(t testing.TB) bool {
	t.Helper()
	var said Log
	cmd := c.stack.prepareContainer(t, c.Service, &said, c.address, c.stack.Image.Health...)
	proc, err := service.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return proc.ExitCode() == 0
}

// publish tells the name server who of a service runs.
func (s *Stack) publish(name string) {
	var addrs []netip.Addr
	for _, c := range s.replicas[name] {
		addrs = append(addrs, c.address)
	}
	s.names.Set(name, addrs...)
}

// Exited reports whether the process has ended.
func (c *Container) Exited() bool { return c.proc.Exited() }

// PID is its process id.
func (c *Container) PID() int { return c.proc.PID() }

// Stop is docker stop: it sends SIGTERM, waits as long as Docker does before it kills, and
// returns the exit code and the time that it took.
func (c *Container) Stop() (code int, took time.Duration) {
	s := c.stack
	s.replicas[c.Service] = slices.DeleteFunc(s.replicas[c.Service], func(o *Container) bool { return o == c })
	s.publish(c.Service)
	grace, err := time.ParseDuration(s.File.Services[c.Service].StopGracePeriod)
	if err != nil {
		grace = 10 * time.Second
	}
	begin := time.Now()
	c.proc.Stop(syscall.SIGTERM, grace)
	return c.proc.ExitCode(), time.Since(begin)
}

// Addr is the host and port that it listens on, if it does.
func (c *Container) Addr() string {
	return net.JoinHostPort(c.address.String(), strconv.Itoa(c.stack.ports["api"]))
}

// Containers are the running containers of the services, or of all, oldest first within a
// service.
func (s *Stack) Containers(services ...string) []*Container {
	var all []*Container
	for _, name := range s.File.Active("dev", "job") {
		if len(services) == 0 || slices.Contains(services, name) {
			all = append(all, s.replicas[name]...)
		}
	}
	return all
}
