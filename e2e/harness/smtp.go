package harness

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/service"
)

// PlainMailServer starts a mail server that speaks no TLS, and returns what has processes
// send their mails there. It ends with the test.
func PlainMailServer(t testing.TB) (*service.MailServer, map[string]string) {
	t.Helper()
	m, env := startMailServer(t, "", "")
	env["SMTP_TLS"] = "none"
	return m, env
}

// StartTLSMailServer is [PlainMailServer] with a mail server that wants STARTTLS, whose
// certificate the processes trust.
func StartTLSMailServer(t testing.TB) (*service.MailServer, map[string]string) {
	t.Helper()
	certificate, key := selfSigned(t)
	m, env := startMailServer(t, certificate, key)
	env["SMTP_TLS"], env["SSL_CERT_FILE"] = "starttls", certificate
	return m, env
}

func startMailServer(t testing.TB, certificate, key string) (*service.MailServer, map[string]string) {
	t.Helper()
	m, err := service.NewMailServer("127.0.0.1:0", certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	host, port, err := net.SplitHostPort(m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return m, map[string]string{"SMTP_HOST": host, "SMTP_PORT": port}
}

// selfSigned makes a certificate for 127.0.0.1 that is its own authority.
func selfSigned(t testing.TB) (certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("mail.crt", "CERTIFICATE", public), write("mail.key", "PRIVATE KEY", private)
}

// Received reads a mail that a mail server took. Tokens in it are secrets of the journey.
func (sys *System) Received(t testing.TB, raw string) Mail {
	t.Helper()
	m, err := parseMail(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, clip([]byte(raw)))
	}
	m.Raw = []byte(raw)
	for _, found := range oneTime.FindAllStringSubmatch(m.Text, -1) {
		sys.secrets.add(found[1])
	}
	return m
}

// HeaderLines are the lines of the mail's header, folded ones as they are.
func (m Mail) HeaderLines() []string {
	head, _, _ := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
	return strings.Split(string(head), "\r\n")
}
