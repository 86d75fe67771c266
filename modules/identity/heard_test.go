package identity_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
)

// A command that ends sessions returns when a server that runs beside it on SQLite, with
// a memory of its own, has heard of it.
func TestCommandsAreHeardBeforeTheyReturn(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"suspend": {"users", "suspend", ann}, "delete": {"users", "delete", ann}, "set-password": {"users", "set-password", ann},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := platformtest.SQLite(t, lines()...)
			h := newHouse(t, b)
			done, _ := h.register(t, ann, anotherPass)
			server := invalidation.New(b.DB, clock.System{}, slog.New(slog.DiscardHandler), invalidation.Settings{})
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Stop(context.Background()) }()
			var stamp invalidation.Position
			if err := b.DB.Prepare("SELECT " + server.StampSQL()).QueryRow(t.Context()).Scan(&stamp); err != nil {
				t.Fatal(err)
			}
			if _, _, err := run(t, h, "", args...); err != nil {
				t.Fatal(err)
			}
			if server.Fresh() && !server.Stale(invalidation.KindUser, done.Account.UserID, stamp) {
				t.Error("the server would still let the user in")
			}
		})
	}
}
