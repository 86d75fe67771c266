package factor_test

import (
	"testing"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/platformtest"
)

// Only factors that work count, for many users in one statement.
func TestFactorsOfMany(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		tokens := map[string]string{}
		for _, email := range []string{ann, bob, "carol@example.com"} {
			tokens[email] = l.register(t, email)
		}
		l.add(t, tokens[bob])
		l.add(t, tokens[bob])
		l.enroll(t, tokens[ann])
		l.prepare(t, tokens["carol@example.com"]) // never verified

		factors := factor.NewFactors(b.DB, b.Clock)
		ids := map[string]string{}
		var all []string
		for email, token := range tokens {
			p, err := l.hall.Authenticate(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			ids[email] = p.UserID
			all = append(all, p.UserID)
		}
		before := b.Statements()
		held, err := factors.FactorsOf(t.Context(), b.DB.Read(), all)
		if err != nil {
			t.Fatal(err)
		}
		if n := b.Statements() - before; n != 1 {
			t.Errorf("%d statements, want 1", n)
		}
		if h := held[ids[ann]]; !h.TOTP || h.Passkeys != 0 {
			t.Errorf("ann has %+v", h)
		}
		if h := held[ids[bob]]; h.TOTP || h.Passkeys != 2 {
			t.Errorf("bob has %+v", h)
		}
		if h, there := held[ids["carol@example.com"]]; there {
			t.Errorf("carol has %+v", h)
		}
		if none, err := factors.FactorsOf(t.Context(), b.DB.Read(), nil); err != nil || len(none) != 0 {
			t.Errorf("of nobody: %v, %v", none, err)
		}
	})
}
