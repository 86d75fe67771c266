package service

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// Names is a name server (RFC 1035) that knows the IPv4 addresses of a few names, as
// Docker's does those of services. It answers everything else with "no such name".
type Names struct {
	conn *net.UDPConn
	mu   sync.Mutex
	of   map[string][]netip.Addr
}

// NewNames starts a name server that knows nothing yet.
func NewNames() (*Names, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	n := &Names{conn: conn, of: map[string][]netip.Addr{}}
	go n.serve()
	return n, nil
}

// Addr is its host and port.
func (n *Names) Addr() string { return n.conn.LocalAddr().String() }

// Set replaces the addresses of a name.
func (n *Names) Set(name string, addrs ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[name] = addrs
}

// Close ends it.
func (n *Names) Close() { _ = n.conn.Close() }

func (n *Names) serve() {
	buf := make([]byte, 512)
	for {
		size, from, err := n.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed
		}
		if answer := n.answer(buf[:size]); answer != nil {
			_, _ = n.conn.WriteToUDPAddrPort(answer, from)
		}
	}
}

const (
	dnsHeader         = 12
	dnsTypeA          = 1
	dnsResponse       = 0x8580 // an answer, authoritative, recursion asked for and had
	dnsNoSuchName     = 3
	dnsNameOfQuestion = 0xC000 | dnsHeader
)

// answer answers a query of one question; nil for what is none.
func (n *Names) answer(query []byte) []byte {
	if len(query) < dnsHeader {
		return nil
	}
	var labels []string
	at := dnsHeader
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end > len(query) {
			return nil
		}
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	if at += 1 + 4; at > len(query) {
		return nil
	}
	n.mu.Lock()
	addrs, known := n.of[strings.Join(labels, ".")]
	n.mu.Unlock()
	if binary.BigEndian.Uint16(query[at-4:]) != dnsTypeA {
		addrs = nil
	}
	flags := uint16(dnsResponse)
	if !known {
		flags |= dnsNoSuchName
	}
	out := append([]byte{}, query[:2]...)
	for _, field := range []uint16{flags, 1, uint16(len(addrs)), 0, 0} {
		out = binary.BigEndian.AppendUint16(out, field)
	}
	out = append(out, query[dnsHeader:at]...)
	for _, a := range addrs {
		for _, field := range []uint16{dnsNameOfQuestion, dnsTypeA, 1, 0, 1, 4} { // name, type, class, a second to live, length
			out = binary.BigEndian.AppendUint16(out, field)
		}
		out = append(out, a.AsSlice()...)
	}
	return out
}
