package identity

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// exportSection is what this module's part of an export is called.
const exportSection = "user"

// Export returns everything that the system holds on a user, by section.
func (s *Service) Export(ctx context.Context, userID string) (map[string]any, error) {
	all, err := s.exports.Export(ctx, userID)
	if err != nil {
		return nil, err
	}
	if f := about(ActionExport, userID); s.bus.Heard(f) {
		err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.bus.Publish(ctx, tx, f) })
	}
	return all, err
}

// exportUser gives this module's section. A user that is gone is an empty one.
func (d *Directory) exportUser(ctx context.Context, userID string) (any, error) {
	c, err := d.store.findCredential(ctx, userID)
	switch {
	case database.IsNotFound(err):
		return struct{}{}, nil
	case err != nil:
		return nil, fmt.Errorf("identity: export a user: %w", err)
	}
	pending, err := d.tokens.pendingEmail(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("identity: export a user: %w", err)
	}
	return struct {
		User

		HasPassword  bool   `json:"has_password"`
		PendingEmail string `json:"pending_email,omitempty"`
	}{c.user(), c.hash != "", pending}, nil
}
