package sessions_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authy2/backend/modules/sessions"
)

func TestDeviceIsReadFromTheUserAgent(t *testing.T) {
	t.Parallel()
	cases := map[string]sessions.Device{
		"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0":                                                                  {Browser: "Firefox", BrowserVersion: "143.0", OS: "Linux", Type: "desktop"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":                         {Browser: "Chrome", BrowserVersion: "141.0.0.0", OS: "Windows", OSVersion: "10.0", Type: "desktop"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1": {Browser: "Safari", BrowserVersion: "18.6", OS: "iOS", OSVersion: "18.6", Model: "iPhone", Type: "mobile"},
		"curl/8.5.0": {Browser: "curl", BrowserVersion: "8.5.0", Type: "unknown"},
		"":           {Type: "unknown"},
	}
	for header, want := range cases {
		if got := sessions.DeviceOf(header); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", header, got, want)
		}
	}
}

func FuzzDevice(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
	f.Add("Mozilla/5.0 (((((((;;;;;;")
	f.Add(strings.Repeat("A/1 (", 500))
	f.Add("\x00\xff\xfe")
	f.Fuzz(func(t *testing.T, header string) {
		d := sessions.DeviceOf(header)
		for _, field := range []string{d.Browser, d.BrowserVersion, d.OS, d.OSVersion, d.Model} {
			if len(field) > sessions.MaxDeviceField || !utf8.ValidString(field) || strings.ContainsFunc(field, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("%q gave the field %q", header, field)
			}
		}
		if d.Type == "" {
			t.Fatalf("%q has no type", header)
		}
	})
}
