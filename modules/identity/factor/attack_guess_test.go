package factor_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// Whoever knows the password guesses codes no faster for it: neither new challenges nor a
// right password, wherever it is asked for, make wrong codes forgotten.
func TestThePasswordForgivesNoCodes(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.guarded = true })
		token := h.register(t, ann)
		h.enroll(t, token)
		who, err := h.hall.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		change := identity.PasswordChange{
			Current: secret.New(password), New: secret.New("another horse battery"), Client: authn.Client{Address: netip.MustParseAddr("203.0.113.7")},
		}
		judged := 0
		for range 10 {
			b.Clock.Advance(time.Second)
			change.Confirm = change.New
			if h.users.ChangePassword(t.Context(), who, change) == nil {
				change.Current, change.New = change.New, change.Current
			}
			r := h.do(t, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+change.Current.Reveal()+`"}`)
			if r.status != http.StatusOK {
				continue
			}
			for challenge := r.text(t, "mfa_token"); h.verify(t, challenge, "000000").status == http.StatusUnauthorized; {
				if judged++; judged > 50 {
					t.Fatal("codes are guessed without end")
				}
			}
		}
		if judged < 5 || judged > 10 { // five at once, and then ever more slowly
			t.Errorf("%d codes are judged in ten seconds", judged)
		}
	})
}
