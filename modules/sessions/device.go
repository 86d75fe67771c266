package sessions

import (
	"strings"
	"unicode/utf8"

	"github.com/mileusna/useragent"
)

// Bounds of what a User-Agent header may make anybody work or store.
const (
	maxUserAgent   = 512
	maxDeviceField = 64
)

// Device is what a User-Agent header says of the program and machine behind it. It is
// what the client claims: good for people to recognise their sessions by, and for
// nothing else. Fields are empty when the header does not tell.
type Device struct {
	Browser        string `json:"browser" doc:"Name of the browser or program."`
	BrowserVersion string `json:"browser_version"`
	OS             string `json:"os"`
	OSVersion      string `json:"os_version"`
	Model          string `json:"model" doc:"Model of the device, where the header names one."`
	Type           string `json:"type" enum:"desktop,mobile,tablet,bot,unknown"`
}

// deviceOf reads a User-Agent header.
func deviceOf(header string) Device {
	ua := useragent.Parse(bounded(header, maxUserAgent))
	d := Device{
		Browser:        bounded(ua.Name, maxDeviceField),
		BrowserVersion: bounded(ua.Version, maxDeviceField),
		OS:             bounded(ua.OS, maxDeviceField),
		OSVersion:      bounded(ua.OSVersion, maxDeviceField),
		Model:          bounded(ua.Device, maxDeviceField),
		Type:           "unknown",
	}
	if d.OSVersion != "" && (d.OSVersion[0] < '0' || d.OSVersion[0] > '9') {
		d.OSVersion = "" // an architecture, as Linux browsers give in its place
	}
	switch {
	case ua.Bot:
		d.Type = "bot"
	case ua.Tablet:
		d.Type = "tablet"
	case ua.Mobile:
		d.Type = "mobile"
	case ua.Desktop:
		d.Type = "desktop"
	}
	return d
}

// bounded returns text without broken or control characters, cut to n bytes.
func bounded(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
