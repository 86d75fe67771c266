package authn_test

import (
	"net/netip"
	"testing"

	"github.com/authy2/backend/platform/authn"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ address, want string }{
		"IPv4":               {"192.0.2.7", "192.0.2.7"},
		"IPv4 inside IPv6":   {"::ffff:192.0.2.7", "192.0.2.7"},
		"IPv6 by its /64":    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		"same /64":           {"2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"},
		"a zone is dropped":  {"fe80::1%eth0", "fe80::/64"},
		"no address at all":  {"", "unknown"},
		"IPv6 loopback":      {"::1", "::/64"},
		"unspecified is one": {"0.0.0.0", "0.0.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c authn.Client
			if tc.address != "" {
				c.Address = netip.MustParseAddr(tc.address)
			}
			if got := c.Bucket(); got != tc.want {
				t.Errorf("Bucket(%s) = %s, want %s", tc.address, got, tc.want)
			}
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	if p, ok := authn.PrincipalFrom(t.Context()); ok || p != nil {
		t.Error("a principal out of nowhere")
	}
	if c := authn.ClientFrom(t.Context()); c != (authn.Client{}) {
		t.Errorf("a client out of nowhere: %+v", c)
	}
	ctx := authn.WithPrincipal(t.Context(), &authn.Principal{UserID: "u"})
	ctx = authn.WithClient(ctx, &authn.Client{RequestID: "r"})
	if p, ok := authn.PrincipalFrom(ctx); !ok || p.UserID != "u" {
		t.Errorf("principal = %+v, %v", p, ok)
	}
	if c := authn.ClientFrom(ctx); c.RequestID != "r" {
		t.Errorf("client = %+v", c)
	}
}

func TestAbsenceIsClosed(t *testing.T) {
	t.Parallel()
	if p, err := (authn.NoAuthenticator{}).Authenticate(t.Context(), "t"); err == nil || p != nil {
		t.Error("NoAuthenticator lets somebody in")
	}
	var zero authn.Decision
	if zero.Verdict != authn.Refuse {
		t.Error("the zero decision does not refuse")
	}
}
