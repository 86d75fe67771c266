package authn_test

import (
	"context"
	"testing"

	"github.com/authy2/backend/platform/authn"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	type key struct{}
	r := authn.NewRequest(context.WithValue(t.Context(), key{}, "outer"), authn.Client{RequestID: "r1"})
	if _, ok := authn.PrincipalFrom(r); ok {
		t.Error("a principal before SignIn")
	}
	r.SignIn(&authn.Principal{UserID: "u1"})
	inner := context.WithValue(r, key{}, "inner")
	if p, ok := authn.PrincipalFrom(inner); !ok || p.UserID != "u1" {
		t.Errorf("principal %+v, %v", p, ok)
	}
	if c := authn.ClientFrom(inner); c.RequestID != "r1" {
		t.Errorf("client %+v", c)
	}
	if r.Value(key{}) != "outer" {
		t.Errorf("outer value %v", r.Value(key{}))
	}
	other := authn.WithClient(authn.WithPrincipal(r, &authn.Principal{UserID: "u2"}), &authn.Client{RequestID: "r2"})
	if p, _ := authn.PrincipalFrom(other); p.UserID != "u2" || authn.ClientFrom(other).RequestID != "r2" {
		t.Errorf("the nearest value counts: %+v, %+v", p, authn.ClientFrom(other))
	}
}
