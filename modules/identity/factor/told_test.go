package factor_test

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// Whoever judges what users have set up hears of every change of it, in the transaction in
// which it is true already, and of nothing else.
func TestChangesOfFactorsAreTold(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		factors := factor.NewFactors(b.DB, b.Clock)
		var heard []factor.Held
		b.Bus.Subscribe(b.Jobs, events.On("test.hear_factors", func(ctx context.Context, tx bun.Tx, e events.FactorsChanged) error {
			held, err := factors.FactorsOf(ctx, tx, []string{e.UserID})
			heard = append(heard, held[e.UserID])
			return err
		}))
		expect := func(what string, want ...factor.Held) {
			t.Helper()
			if len(heard) != len(want) || len(want) == 1 && heard[0] != want[0] {
				t.Errorf("%s: heard %+v, want %+v", what, heard, want)
			}
			heard = nil
		}
		token := l.register(t, ann)
		e := l.prepare(t, token)
		expect("a secret alone")
		l.want(t, 200, "POST", confirmPath, token, `{"code":"`+l.code(e, 0)+`"}`)
		expect("an app", factor.Held{TOTP: true})
		l.want(t, 200, "POST", confirmPath, token, `{"code":"`+l.code(e, 0)+`"}`)
		expect("an app that there is")
		first := l.add(t, token)
		expect("a passkey", factor.Held{TOTP: true, Passkeys: 1})
		l.want(t, 200, "PATCH", passkeyPath(first), token, `{"name":"Laptop"}`)
		expect("another name")
		l.add(t, token)
		expect("another passkey", factor.Held{TOTP: true, Passkeys: 2})
		l.want(t, 200, "DELETE", passkeyPath(first), token, "")
		expect("a passkey less", factor.Held{TOTP: true, Passkeys: 1})
		l.want(t, 200, "DELETE", disablePath, token, mine)
		expect("no app", factor.Held{Passkeys: 1})

		p, err := l.hall.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		proof := func() {
			t.Helper()
			err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				return b.Bus.Publish(ctx, tx, events.AddressProved{UserID: p.UserID})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		proof()
		expect("the first proof", factor.Held{})
		proof()
		expect("a proof with nothing to sweep")
	})
}
