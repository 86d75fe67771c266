package sessions_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
)

const (
	someSession = "0192f0c1-9a10-7c55-8a02-6f0e3d7b1c44"
	someUser    = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30"
	someProfile = `{"id":"0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30","email":"bob@acme-corp.com","email_verified":true,` +
		`"full_name":"Bob Builder","avatar_url":null,"status":"active","last_login_at":"2026-11-24T09:00:00Z",` +
		`"last_login_ip":"203.0.113.7","created_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-20T12:30:00Z"}`
)

func somePrincipal() authn.Principal {
	return authn.Principal{
		SessionID: someSession, UserID: someUser, AuthMethods: []string{"pwd", "otp"},
		AuthenticatedAt: time.Date(2026, 11, 24, 9, 0, 0, 123e6, time.UTC), ComplianceOnly: true,
		Account: authn.Account{
			UserID: someUser, Email: "bob@acme-corp.com", EmailVerified: true, Status: "active",
			ETag: `"8f14e45fceea167a"`, Profile: []byte(someProfile),
		},
	}
}

func TestValueSurvivesTheCache(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*authn.Principal){
		"whole":           func(*authn.Principal) {},
		"second factor":   func(p *authn.Principal) { p.Account.SecondFactor = true },
		"deadline":        func(p *authn.Principal) { p.Account.RestrictedFrom = time.UnixMilli(1_800_000_000_123).UTC() },
		"no methods":      func(p *authn.Principal) { p.AuthMethods = []string{} },
		"empty account":   func(p *authn.Principal) { p.Account = authn.Account{UserID: someUser, Profile: []byte{}} },
		"long texts":      func(p *authn.Principal) { p.Account.Email = strings.Repeat("é", 127) },
		"before the 70s":  func(p *authn.Principal) { p.AuthenticatedAt = time.UnixMilli(-5).UTC() },
		"profile is long": func(p *authn.Principal) { p.Account.Profile = bytes.Repeat([]byte("x"), 5000) },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := somePrincipal()
			change(&want)
			payload, err := sessions.Encode(&want, -42)
			if err != nil {
				t.Fatal(err)
			}
			got, stamp, err := sessions.Decode(payload)
			if err != nil {
				t.Fatal(err)
			}
			if stamp != -42 || !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v with stamp %d\nwant %+v", got, stamp, want)
			}
		})
	}
}

// It counts allocations and cannot run beside other tests.
func TestValueIsCompact(t *testing.T) {
	p := somePrincipal()
	payload, err := sessions.Encode(&p, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	if len(payload) > 450 {
		t.Fatalf("a value takes %d bytes, want at most 450", len(payload))
	}
	allocs := testing.AllocsPerRun(100, func() {
		if _, _, err := sessions.Decode(payload); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 4 {
		t.Fatalf("decoding allocates %.0f times, want at most 4", allocs)
	}
}

func TestDamagedValueIsRefused(t *testing.T) {
	t.Parallel()
	p := somePrincipal()
	payload, err := sessions.Encode(&p, 7)
	if err != nil {
		t.Fatal(err)
	}
	head := len(payload) - len(someProfile)
	for n := range head {
		if _, _, err := sessions.Decode(payload[:n]); err == nil {
			t.Fatalf("the first %d bytes were accepted", n)
		}
	}
	other := bytes.Clone(payload)
	other[0]++
	if _, _, err := sessions.Decode(other); err == nil {
		t.Fatal("another version was accepted")
	}
}

func FuzzDecode(f *testing.F) {
	p := somePrincipal()
	payload, err := sessions.Encode(&p, 7)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, stamp, err := sessions.Decode(payload)
		if err != nil {
			return
		}
		again, err := sessions.Encode(&p, stamp)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		q, stamp2, err := sessions.Decode(again)
		if err != nil || stamp != stamp2 || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v became %+v (%v)", p, q, err)
		}
	})
}

func TestTokenIsKeptAsItsHashOnly(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("aZ09-_x", 7)[:43]
	got, ok := sessions.HashOf(token)
	if !ok || !bytes.Equal(got, crypto.HashToken(token)) {
		t.Fatal("the stored form is not SHA-256 of the token")
	}
	for _, bad := range []string{"", "x", token[:42], token + "A", strings.Repeat("a", 42) + "=", strings.Repeat("a", 42) + "\x00", strings.Repeat("é", 21) + "a"} {
		if _, ok := sessions.HashOf(bad); ok {
			t.Errorf("%q passed for a token", bad)
		}
	}
}
