package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/authy2/backend/platform/database"
)

// exportSection is what this module's part of an export is called.
const exportSection = "organizations"

// Exported is a membership as its user is given it.
type Exported struct {
	Belonging

	InvitedAt *time.Time `json:"invited_at"`
	JoinedAt  time.Time  `json:"joined_at"`
}

// export returns what the module holds on a user.
func (d *Directory) export(ctx context.Context, userID string) (any, error) {
	all := []Exported{}
	err := d.exported.Query(ctx, func(scan func(...any) error) error {
		var e Exported
		var invitedAt time.Time
		if err := scan(&e.ID, &e.Name, &e.Slug, &e.Role, database.Time(&invitedAt), database.Time(&e.JoinedAt)); err != nil {
			return err
		}
		if !invitedAt.IsZero() {
			e.InvitedAt = &invitedAt
		}
		all = append(all, e)
		return nil
	}, userID)
	if err != nil {
		return nil, fmt.Errorf("tenancy: export a user: %w", err)
	}
	return all, nil
}
