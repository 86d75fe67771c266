package mail

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// path is an address as MAIL and RCPT name it (RFC 5321 §4.1.2).
type path struct {
	text string
	// unicode means that it has letters outside of ASCII before the @, which need
	// RFC 6531.
	unicode bool
}

// pathOf returns the path of a bare address.
func pathOf(address string) (path, error) {
	spelled, err := spell(address)
	return path{text: "<" + spelled + ">", unicode: !ascii([]byte(spelled))}, err
}

// spell returns the address with its domain in ASCII (RFC 5891 §5), which every mail
// server understands.
func spell(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || ascii([]byte(address[at:])) {
		return address, nil
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	return address[:at+1] + domain, err
}

// written returns the address as headers say it: in ASCII where that is possible, so that
// the message needs no more of a mail server than its recipient does.
func written(address string) string {
	if spelled, err := spell(address); err == nil && ascii([]byte(spelled)) {
		return spelled
	}
	return address
}

// hostOf returns the host of an address of the web, in ASCII; empty when it has none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if spelled, err := idna.Lookup.ToASCII(host); err == nil && !ascii([]byte(host)) {
		return spelled
	}
	return host
}

// header returns the part of a message before its body.
func header(content []byte) []byte {
	head, _, _ := bytes.Cut(content, []byte("\r\n\r\n"))
	return head
}

func ascii(b []byte) bool { return bytes.IndexFunc(b, func(r rune) bool { return r >= 0x80 }) < 0 }
