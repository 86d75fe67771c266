package harness

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/service"
)

// nginxSubstitutions are all changes to docker/nginx/nginx.conf: addresses and folders of
// this machine in the place of those in a container. Each must apply.
func (s *Stack) nginxSubstitutions(own netip.Addr, tmp string) [][2]string {
	at := func(port string) string { return net.JoinHostPort(own.String(), strconv.Itoa(s.ports[port])) }
	return [][2]string{
		{"/tmp/", tmp + "/"}, // the first, since what follows may name folders in there
		{"listen 8080 ", "listen " + at("nginx") + " "},
		{"listen 8443 ", "listen " + at("nginx-tls") + " "},
		{"resolver 127.0.0.11 ", "resolver " + s.names.Addr() + " "},
		{" api:5000;", " api:" + strconv.Itoa(s.ports["api"]) + ";"},
		{"/etc/nginx/refusals.conf", filepath.Join(s.dir, "docker", "nginx", "refusals.conf")},
		{"/etc/nginx/tls/", filepath.Join(s.dir, "data", "tls") + "/"},
		// A container sends from its own address; on the loopback interface it must be told.
		{"http {\n", "http {\n    proxy_bind " + own.String() + ";\n"},
	}
}

func (s *Stack) startNginx(t testing.TB) {
	t.Helper()
	declared := s.File.Services["nginx"]
	as := identity(t, declared.User)
	tmp := filepath.Join(filepath.Dir(s.dir), "nginx")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	if as != nil {
		if err := os.Chown(tmp, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(s.dir, "docker", "nginx", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	own := s.newAddress()
	s.address = own
	conf := read("nginx.conf")
	for _, change := range s.nginxSubstitutions(own, tmp) {
		if !strings.Contains(conf, change[0]) {
			t.Fatalf("nginx.conf has no %q", change[0])
		}
		conf = strings.ReplaceAll(conf, change[0], change[1])
	}
	// What the image does with its template, and with no other variable than this one.
	if declared.Environment["NGINX_ENVSUBST_FILTER"] != "^PUBLIC_URL$" || declared.Environment["NGINX_ENVSUBST_OUTPUT_DIR"] != "/tmp" {
		t.Fatal("the template of nginx is filled in differently")
	}
	write("public_url.conf", strings.ReplaceAll(read("public_url.conf.template"), "${PUBLIC_URL}", declared.Environment["PUBLIC_URL"]))
	write("nginx.conf", conf)
	var err error
	s.nginx, err = service.NewNginx(Tools(t), tmp, filepath.Join(tmp, "nginx.conf"), as, net.JoinHostPort(own.String(), strconv.Itoa(s.ports["nginx"])))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.nginx.Quit()
		for line := range strings.Lines(s.nginx.Log()) {
			if secret := s.System.secrets.in(line); secret != "" {
				t.Errorf("the log of nginx shows the secret %q: %s", secret, line)
			}
		}
		if t.Failed() {
			t.Logf("nginx:\n%s", s.nginx.Log())
		}
	})
}

// Nginx is the running nginx.
func (s *Stack) Nginx() *service.Nginx { return s.nginx }

// Address is nginx's own.
func (s *Stack) Address() netip.Addr { return s.address }

// Client is somebody outside the stack.
type Client struct {
	*Server
	// From is the address that the client connects from.
	From netip.Addr
}

// Client makes a client with an address of its own, which speaks to the stack by the
// given scheme. Server.Do judges its answers.
func (s *Stack) Client(t testing.TB, scheme string) *Client {
	t.Helper()
	s.next++
	from := netip.AddrFrom4([4]byte{127, 240, byte(s.next), s.subnet.Addr().As4()[1]})
	port := map[string]string{"http": "nginx", "https": "nginx-tls"}[scheme]
	to := net.JoinHostPort(s.Address().String(), strconv.Itoa(s.ports[port]))
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: 5 * time.Second}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, to)
		},
		TLSClientConfig: s.Certificate(t), DisableCompression: true, ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{From: from, Server: &Server{
		URL: scheme + "://localhost:" + strconv.Itoa(s.ports[port]), Log: &Log{}, sys: s.System,
		client: &http.Client{Transport: withoutNginx{transport}, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}}
}

// withoutNginx takes away the header by which nginx names itself, and nothing of the
// servers' is lost: it cannot be switched off, and it shows no version.
type withoutNginx struct{ http.RoundTripper }

// RoundTrip is part of [http.RoundTripper].
func (w withoutNginx) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := w.RoundTripper.RoundTrip(req)
	if err == nil && res.Header.Get("Server") == "nginx" {
		res.Header.Del("Server")
	}
	return res, err
}
