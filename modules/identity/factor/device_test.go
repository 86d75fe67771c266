package factor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/platformtest"
)

const devicesPath = "/api/v1/auth/devices"

func TestRememberedDevices(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.days = 30 })
		token := h.register(t, ann)
		e := h.enroll(t, token)
		stranger := h.register(t, bob)
		h.enroll(t, stranger)
		remember := func() string {
			t.Helper()
			b.Clock.Advance(time.Minute)
			r := h.verify(t, h.challenge(t, ann), h.code(e, 0), `,"remember_device":true`)
			c := r.cookies["__Host-authy2_device"]
			if c == nil || !c.HttpOnly || !c.Secure || c.MaxAge != 30*24*3600 || len(c.Value) != 43 {
				t.Fatalf("%d %s: cookie %+v", r.status, r.body, c)
			}
			return c.Name + "=" + c.Value
		}
		asked := func(email, cookie string) bool {
			t.Helper()
			r := h.want(t, 200, "POST", "/api/v1/auth/login", "", `{"email":"`+email+`","password":"`+password+`"}`, "Cookie", cookie)
			return r.text(t, "token") == ""
		}
		device := remember()
		if asked(ann, device) {
			t.Error("a remembered device is asked")
		}
		if !asked(bob, device) || !asked(ann, device+"x") {
			t.Error("the device opens something else")
		}
		h.want(t, 401, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"wrong"}`, "Cookie", device)
		list := h.want(t, 200, "GET", devicesPath, token, "")
		if !strings.Contains(list.body, `"count":1`) || strings.Contains(list.body, strings.TrimPrefix(device, "__Host-authy2_device=")) {
			t.Errorf("list: %s", list.body)
		}
		id := list.body[strings.Index(list.body, `"id":"`)+6:][:36]
		h.want(t, 404, "DELETE", devicesPath+"/"+id, stranger, "")
		h.want(t, 200, "DELETE", devicesPath+"/"+id, token, "")
		h.want(t, 404, "DELETE", devicesPath+"/"+id, token, "")
		if !asked(ann, device) {
			t.Error("a forgotten device is not asked")
		}
		device = remember()
		h.want(t, 200, "DELETE", devicesPath, token, "")
		if !asked(ann, device) {
			t.Error("a forgotten device is not asked")
		}
		device = remember()
		b.Clock.Advance(31 * 24 * time.Hour)
		if !asked(ann, device) {
			t.Error("a device is remembered for ever")
		}
		device = remember()
		token = h.verify(t, h.challenge(t, ann), h.code(e, 1)).text(t, "token")
		h.want(t, 200, "DELETE", disablePath, token, mine)
		h.enroll(t, token)
		if !asked(ann, device) {
			t.Error("a device outlives the app")
		}
	})
}

// Nothing is remembered where the operator does not want it.
// TestNewestDevicesAreRemembered: one more than twenty has the oldest asked again.
func TestNewestDevicesAreRemembered(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.days = 30 })
		token := h.register(t, ann)
		e := h.enroll(t, token)
		var devices []string
		for range 21 {
			b.Clock.Advance(time.Minute)
			r := h.verify(t, h.challenge(t, ann), h.code(e, 0), `,"remember_device":true`)
			c := r.cookies["__Host-authy2_device"]
			devices = append(devices, c.Name+"="+c.Value)
		}
		for i, cookie := range []string{devices[0], devices[1], devices[20]} {
			r := h.want(t, 200, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`, "Cookie", cookie)
			if asked := r.text(t, "token") == ""; asked != (i == 0) {
				t.Errorf("device %d is asked: %t", i, asked)
			}
		}
	})
}

func TestNoDeviceIsRemembered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	e := h.enroll(t, h.register(t, ann))
	r := h.verify(t, h.challenge(t, ann), h.code(e, 0), `,"remember_device":true`)
	if r.status != 200 || r.cookies["__Host-authy2_device"] != nil || h.count(t, "identity_devices") != 0 {
		t.Errorf("%d, cookies %v", r.status, r.cookies)
	}
}
