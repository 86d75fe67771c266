package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// faultOf says what is wrong with a connection, in words that name nobody: the errors of
// this program and of the operating system hold addresses and names of hosts.
func faultOf(err error) string {
	var (
		known     *Failure
		system    syscall.Errno
		resolver  *net.DNSError
		wrong     x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		untrusted *tls.CertificateVerificationError
		noTLS     tls.RecordHeaderError
		alert     tls.AlertError
		network   net.Error
	)
	switch {
	case errors.As(err, &known):
		return known.Reason
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &resolver) && resolver.IsNotFound:
		return "there is no such host"
	case errors.As(err, &resolver):
		return "the host's name cannot be resolved"
	case errors.As(err, &wrong):
		return "the certificate is for another host"
	case errors.As(err, &authority):
		return "the certificate is of an authority that is not trusted"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired, or is not valid yet"
	case errors.As(err, &untrusted), errors.As(err, &invalid):
		return "the certificate cannot be verified"
	case errors.As(err, &noTLS):
		return "the mail server does not speak TLS from the first byte"
	case errors.As(err, &alert):
		return "the TLS handshake failed"
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.As(err, &system):
		return system.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the mail server closed the connection"
	}
	return reason(err)
}
