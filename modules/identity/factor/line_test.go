package factor_test

import (
	"testing"

	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
)

// Whoever takes the tables of second factors away leaves nobody who is asked for one that
// they cannot show.
func TestTablesLeaveNobodyWithAFactor(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.enroll(t, h.register(t, ann))
		having := func() (n int) {
			t.Helper()
			if err := b.DB.Read().NewRaw("SELECT count(*) FROM identity_users WHERE second_factor").Scan(t.Context(), &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if having() != 1 {
			t.Fatal("nobody has a second factor")
		}
		if err := migrate.New(b.DB, lines(), b.Log).Down(t.Context(), "identity_mfa", 1); err != nil {
			t.Fatal(err)
		}
		if n := having(); n != 0 {
			t.Errorf("%d users have a second factor without its tables", n)
		}
	})
}
