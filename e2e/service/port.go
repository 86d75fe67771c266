package service

import (
	"fmt"
	"net"
)

// FreePort returns a TCP port of the loopback interface that nobody listened on a
// moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("service: find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("service: unexpected address %s", l.Addr())
	}
	return addr.Port, nil
}
